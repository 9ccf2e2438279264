"""What is counted only while somebody may ask for it: requests, how long they take, what becomes of them.

Everything else that /metrics shows is read, when it is asked for, from what the broker keeps anyway. A broker without
``metrics_listen`` has no ``Metrics``, and its requests pass by none of this.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from time import perf_counter
from typing import Any, Final

from gomq.broker.monitoring.exposition import Histogram
from gomq.net.session import Answer, Handle, Later, Parts
from gomq.protocol.api import SERVED, Api
from gomq.protocol.requests import RequestHead

_SECONDS: Final = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_NAMES: Final = {int(api): api.name for api in SERVED}
UNKNOWN: Final = "UNKNOWN"
"""What requests for an API that is not served are counted as."""
_DEPTH: Final = 4
"""How deep in a response error codes are looked for: ``responses``, ``topics``, ``partitions``, and a level more."""


class RequestMetrics:
    """What is counted of the requests of one API."""

    __slots__ = ("count", "duration", "errors", "refused", "waiting")

    def __init__(self) -> None:
        self.count: int = 0
        self.refused: int = 0
        """How many could not be answered, and closed their connection."""
        self.waiting: int = 0
        """How many wait now for what others do: messages, a sync, members of a group."""
        self.duration: Histogram = Histogram(_SECONDS)
        """Seconds from when a request was read to when its answer was ready to be sent."""
        self.errors: Counter[int] = Counter()
        """By Kafka's error code: how many were in answers."""


class Metrics:
    """Counts requests by API; what a peer may choose at will has no count of its own."""

    def __init__(self) -> None:
        self._by_key: dict[int, RequestMetrics] = {}
        self._unknown = RequestMetrics()

    def requests(self) -> Iterable[tuple[str, RequestMetrics]]:
        """Every API that was asked for, and its counts."""
        for key, counts in sorted(self._by_key.items()):
            yield _NAMES[key], counts
        if self._unknown.count:
            yield UNKNOWN, self._unknown

    def metered(self, handle: Handle) -> Handle:
        """Make a handler that counts what another one does."""

        async def metered(head: RequestHead, frame: memoryview) -> Answer:
            started = perf_counter()
            counts = self._by_key.get(head.api_key) or self._counts(head.api_key)
            counts.count += 1
            try:
                answer = await handle(head, frame)
            except Exception:
                counts.refused += 1
                raise
            if callable(answer):
                return _metered_later(answer, counts, started)
            counts.duration.note(perf_counter() - started)
            return answer

        return metered

    def failed(self, api: Api, codes: Iterable[int]) -> None:
        """Count error codes of an answer; 0 is none."""
        errors = self._counts(api).errors
        for code in codes:
            if code:
                errors[code] += 1

    def _counts(self, api_key: int) -> RequestMetrics:
        if api_key not in _NAMES:
            return self._unknown
        return self._by_key.setdefault(int(api_key), RequestMetrics())


def _metered_later(answer: Later, counts: RequestMetrics, started: float) -> Later:
    async def later() -> Parts:
        counts.waiting += 1
        try:
            return await answer()
        finally:
            counts.waiting -= 1
            counts.duration.note(perf_counter() - started)

    return later


def error_codes(fields: Mapping[str, Any]) -> Sequence[int]:
    """Find the error codes in an answer's fields."""
    return tuple(_codes(fields, _DEPTH))


def _codes(value: Any, depth: int) -> Iterable[int]:  # noqa: ANN401 - a response's field
    if isinstance(value, Mapping):
        code = value.get("error_code", 0)
        if code:
            yield int(code)
        for each in value.values() if depth else ():
            if isinstance(each, Sequence) and not isinstance(each, str | bytes):
                yield from _codes(each, depth)
    elif isinstance(value, Sequence):
        for each in value:
            yield from _codes(each, depth - 1)
