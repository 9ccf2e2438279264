"""What ``gomq bench`` says: a line as ``kafka-producer-perf-test`` has it, or a JSON object. Values only."""

from typing import Any, Final

from gomq.cli.bench.histogram import Histogram

PERCENTILES: Final = (50.0, 95.0, 99.0, 99.9)
_MEGABYTE: Final = 1_000_000


class Tally:
    """What was done, and since the last interval.

    Args:
        done: what is counted: "published", "received".
    """

    def __init__(self, done: str) -> None:
        self.done: str = done
        self.messages: int = 0
        self.bytes: int = 0
        self.latency: Histogram = Histogram()
        self._messages_before = 0
        self._bytes_before = 0
        self._latency: Histogram = Histogram()

    def add(self, messages: int, size: int, seconds: float | None = None) -> None:
        """Count messages.

        Args:
            messages: how many.
            size: bytes that they have together.
            seconds: how long each of them took, where that is measured.
        """
        self.messages += messages
        self.bytes += size
        if seconds is not None and messages:
            self.latency.record(seconds, messages)
            self._latency.record(seconds, messages)

    def interval(self, seconds: float) -> str:
        """Say in a line what was done since this was last asked, which took so many seconds."""
        line = _line(
            f"{self.messages - self._messages_before} {self.done}",
            self.messages - self._messages_before,
            self.bytes - self._bytes_before,
            seconds,
        )
        latency, self._latency = self._latency, Histogram()
        self._messages_before, self._bytes_before = self.messages, self.bytes
        if not latency.count:
            return line
        return f"{line}, {_ms(latency.mean)} average, {_ms(latency.longest)} max"

    def summary(self, seconds: float) -> str:
        """Say in a line what was done in all."""
        line = _line(f"{self.messages} messages {self.done}", self.messages, self.bytes, seconds)
        return f"{line}, {latency_line(self.latency)}" if self.latency.count else line

    def fields(self, seconds: float) -> dict[str, Any]:
        """Make a JSON object's fields of all that was done."""
        fields: dict[str, Any] = {
            "messages": self.messages,
            "bytes": self.bytes,
            "seconds": round(seconds, 6),
            "messages_per_second": round(_per_second(self.messages, seconds), 1),
            "bytes_per_second": round(_per_second(self.bytes, seconds), 1),
        }
        return fields | {"latency": latency_fields(self.latency)} if self.latency.count else fields


def latency_line(latency: Histogram) -> str:
    """Say how long it took."""
    percentiles = [f"{_ms(latency.percentile(each))} p{each:g}" for each in PERCENTILES]
    return ", ".join((f"{_ms(latency.mean)} average", *percentiles, f"{_ms(latency.longest)} max"))


def latency_fields(latency: Histogram) -> dict[str, float]:
    """Make a JSON object of how long it took, in milliseconds."""
    percentiles = {f"p{each:g}_ms".replace(".", ""): _rounded(latency.percentile(each)) for each in PERCENTILES}
    return {"mean_ms": _rounded(latency.mean), **percentiles, "max_ms": _rounded(latency.longest)}


def _line(what: str, messages: int, size: int, seconds: float) -> str:
    rate = _per_second(messages, seconds)
    return f"{what}, {rate:.1f} messages/s ({_per_second(size, seconds) / _MEGABYTE:.2f} MB/s)"


def _per_second(count: int, seconds: float) -> float:
    return count / seconds if seconds > 0 else 0.0


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"


def _rounded(seconds: float) -> float:
    return round(seconds * 1000, 3)
