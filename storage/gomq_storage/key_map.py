"""A bounded table from keys to the offset of their latest message. Kafka: ``SkimpyOffsetMap``.

Dictionaries, not Kafka's packed array of 24 bytes a key, for which Python would need many times as long. What a key
takes: a share of its dictionary of 30 to 60 bytes, an offset of 32, and the key itself as a bytes object of at most
80, since longer keys are replaced by the number that a 128-bit BLAKE2b makes of them. Two long keys with one digest
would count as the same key; nobody knows such a pair, nor how to look for one.

There are many dictionaries because one of a million keys, when it grows or goes, keeps the interpreter, and with it
the event loop of another thread, for a twentieth of a second.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from typing import Final, TypeAlias

KEY_BYTES: Final = 176
"""What every key counts; short ones take down to 112 bytes."""
MAX_KEY_SIZE: Final = 47
"""Longer keys are kept as digests."""
NO_OFFSET: Final = -1
_PART_COUNT: Final = 512
_PART_MASK: Final = _PART_COUNT - 1

_Key: TypeAlias = bytes | int
"""A digest is a number, so that no key can be equal to it."""


class KeyMap:
    """Which offset of each key is the latest, for the messages in front of ``end``.

    Args:
        max_bytes: how much memory it may take, about.
    """

    def __init__(self, max_bytes: int) -> None:
        if max_bytes < KEY_BYTES:
            raise ValueError(f"a key takes {KEY_BYTES} bytes, max_bytes is {max_bytes}")
        self.end: int = 0
        """Nothing is said of messages with this offset or a larger one. Who fills the map moves it."""
        self._max_keys = max_bytes // KEY_BYTES
        self._count = 0
        self._parts: list[dict[_Key, int]] = [{} for _ in range(_PART_COUNT)]

    def __len__(self) -> int:
        return self._count

    @property
    def is_full(self) -> bool:
        """Whether no new key fits in."""
        return self._count >= self._max_keys

    def put(self, key: bytes, offset: int) -> bool:
        """Take note of a key's latest offset, or return False where the key is new and does not fit in."""
        return self.put_all([key], [offset]) == 1

    def put_all(self, keys: Sequence[bytes], offsets: Sequence[int]) -> int:
        """Put keys one behind the other for as long as they fit in; return how many were put."""
        parts = self._parts
        done = 0
        kept: _Key
        for key, offset in zip(keys, offsets, strict=True):
            kept = key if len(key) <= MAX_KEY_SIZE else _digest(key)
            part = parts[hash(kept) & _PART_MASK]
            if kept not in part:
                if self._count >= self._max_keys:
                    break
                self._count += 1
            part[kept] = offset
            done += 1
        return done

    def latest(self, key: bytes) -> int:
        """Return the latest offset of a key, NO_OFFSET for one that was never put."""
        return self.latest_of([key])[0]

    def latest_of(self, keys: Iterable[bytes | None]) -> list[int]:
        """Return the latest offset of each key, NO_OFFSET for None and for one that was never put."""
        parts = self._parts
        found: list[int] = []
        for key in keys:
            if key is None:
                found.append(NO_OFFSET)
                continue
            kept: _Key = key if len(key) <= MAX_KEY_SIZE else _digest(key)
            found.append(parts[hash(kept) & _PART_MASK].get(kept, NO_OFFSET))
        return found

    def clear(self, pace: Callable[[int], None] = lambda _: None) -> None:
        """Forget everything, calling ``pace`` now and then: a million keys take a tenth of a second."""
        self._count = self.end = 0
        for part in self._parts:
            part.clear()
            pace(0)


def _digest(key: bytes) -> int:
    return int.from_bytes(blake2b(key, digest_size=16, usedforsecurity=False).digest(), "big")
