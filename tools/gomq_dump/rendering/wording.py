"""How tables, sizes and times are written in text that is for people."""

from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import UTC, datetime

from gomq_storage.layout import TopicPartition


def table(rows: Sequence[Sequence[str]], *, words: Container[int] = (0,)) -> Iterator[str]:
    """Make the lines of a table, its columns two spaces apart.

    Args:
        rows: the first is the head.
        words: the columns that begin at the left; the others are numbers and end at the right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.ljust(width) if number in words else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def moment(timestamp_ms: int | None) -> str:
    """Write a time in UTC, to the second; "-" for none and for what no calendar has."""
    if timestamp_ms is None or timestamp_ms < 0:
        return "-"
    try:
        return datetime.fromtimestamp(timestamp_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return f"@{timestamp_ms}"


def byte_count(count: int) -> str:
    """Write a number of bytes, short."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{count} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def partition_name(partition: TopicPartition | None) -> tuple[str, str]:
    """Name topic and partition of a row, as far as they are known."""
    return ("-", "-") if partition is None else (partition.topic, str(partition.partition))


def joined(lines: Iterable[str]) -> bytes:
    """Encode lines for output."""
    return "".join(f"{line}\n" for line in lines).encode(errors="surrogateescape")
