"""Which messages are printed: those of a key, those in which a pattern is found. Bytes and values only."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import compress

from gomq.client import Batch
from gomq_storage.record_fields import Columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a message must have to be printed."""

    keys: Collection[bytes] = ()
    """One of these as its key; none means any."""
    pattern: re.Pattern[bytes] | None = None
    """To be found in its key, its value or the value of a header; None means any."""

    def kept(self, batch: Batch) -> Batch:
        """Return the messages of a batch that are printed."""
        if not self.keys and self.pattern is None:
            return batch
        flags = self._flags(batch)
        columns = (batch.offsets, batch.timestamps, batch.keys, batch.values, batch.headers)
        return Batch(batch.topic, batch.partition, Columns._make(list(compress(column, flags)) for column in columns))

    def _flags(self, batch: Batch) -> Sequence[bool]:
        keys, pattern = self.keys, self.pattern
        flags = [key in keys for key in batch.keys] if keys else [True] * len(batch)
        if pattern is None:
            return flags
        search = pattern.search
        return [
            flag
            and bool(
                (value is not None and search(value))
                or (key is not None and search(key))
                or any(data is not None and search(data) for _, data in headers)
            )
            for flag, key, value, headers in zip(flags, batch.keys, batch.values, batch.headers, strict=True)
        ]
