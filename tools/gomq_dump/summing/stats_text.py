"""Show counts as text: a table of partitions, then of all together codecs, sizes and the rate over time as bars."""

from collections.abc import Iterator, Sequence

from gomq_dump.rendering.wording import byte_count, moment, partition_name, table
from gomq_dump.summing.histogram import Bucket, Sizes, draw
from gomq_dump.summing.stats import Stats


def stats_lines(each: Sequence[Stats], total: Stats, *, width: int) -> Iterator[str]:
    """Make the lines that show what was counted.

    Args:
        each: of the partitions.
        total: of all of them.
        width: what the bars must fit into, in characters.
    """
    head = ("TOPIC", "PARTITION", "BATCHES", "RECORDS", "SIZE", "FIRST-TIME", "LAST-TIME")
    yield from table([head, *(_row(stats) for stats in each)])
    yield from _codec_lines(total)
    yield from _size_lines("batch sizes, bytes", total.batch_sizes, width)
    yield from _size_lines("key sizes, bytes", total.key_sizes, width, nulls=total.null_keys)
    yield from _size_lines("value sizes, bytes", total.value_sizes, width, nulls=total.null_values)
    yield from _size_lines("headers of a record, bytes", total.headers_sizes, width)
    yield from _rate_lines(total, width)
    yield ""
    yield (
        f"producers: {len(total.producers):,}; batches: {total.idempotent_batches:,} idempotent, of them"
        f" {total.transactional_batches:,} in transactions; {total.control_batches:,} control batches"
    )


def _row(stats: Stats) -> tuple[str, ...]:
    return (
        *partition_name(stats.partition),
        f"{stats.batch_sizes.count:,}",
        f"{stats.records:,}",
        byte_count(stats.log_bytes),
        moment(stats.first_timestamp),
        moment(stats.last_timestamp),
    )


def _codec_lines(total: Stats) -> Iterator[str]:
    if total.codecs:
        yield ""
        rows = [
            (
                name,
                f"{codec.batches:,}",
                *map(byte_count, (codec.stored_bytes, codec.record_bytes)),
                f"{codec.ratio:.2f}",
            )
            for name, codec in sorted(total.codecs.items())
        ]
        yield from table([("CODEC", "BATCHES", "STORED", "RECORDS", "RATIO"), *rows])


def _size_lines(title: str, sizes: Sizes, width: int, *, nulls: int = 0) -> Iterator[str]:
    if not sizes.count and not nulls:
        return
    yield ""
    told = [f"{sizes.smallest:,} to {sizes.largest:,}", f"mean {sizes.mean:,.1f}"] if sizes.count else []
    yield f"{title}: {', '.join([*told, *([f'{nulls:,} null'] if nulls else [])])}"
    yield from draw([(_range(bucket), bucket.number) for bucket in sizes.buckets], width=width)


def _rate_lines(total: Stats, width: int) -> Iterator[str]:
    buckets = total.rate.buckets
    if buckets:
        yield ""
        seconds = total.rate.width_ms // 1000
        yield f"records each {_duration(seconds)}, {max(each.number for each in buckets) / seconds:,.1f}/s at most"
        yield from draw([(moment(each.start), each.number) for each in buckets], width=width)


def _range(bucket: Bucket) -> str:
    return f"{bucket.start:,}" if bucket.start == bucket.end else f"{bucket.start:,} to {bucket.end:,}"


def _duration(seconds: int) -> str:
    for name, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds % size == 0:
            return name if seconds == size else f"{seconds // size} {name}s"
    return "second" if seconds == 1 else f"{seconds} seconds"
