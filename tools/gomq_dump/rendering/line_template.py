"""Lines of which most is the same, many at once: no code of ours runs for a line.

Each slot holds a piece of every line. Joined, pieces are copied once; numbers become text all in one go.
"""

from collections.abc import Sequence
from functools import cache
from typing import Final

_BLOCK: Final = 10_000
_MANY: Final = 32
"""So many numbers are worth the table that their last digits are looked up in."""


class LineTemplate:
    """Some lines, from left to right.

    Args:
        count: how many lines, at least one.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._slots: list[Sequence[bytes]] = []
        self._same: list[bytes] = []
        """What is the same in all lines behind the last slot."""

    def text(self, text: bytes) -> None:
        """Add what is the same in all lines."""
        self._same.append(text)

    def texts(self, texts: Sequence[bytes]) -> None:
        """Add something to each line."""
        if texts[0] == texts[-1] and texts.count(texts[0]) == self.count:
            self.text(texts[0])
        else:
            self._end_slot()
            self._slots.append(texts)

    def numbers(self, numbers: list[int]) -> None:
        """Add a number to each line."""
        if numbers[0] == numbers[-1] and numbers.count(numbers[0]) == self.count:
            self.text(b"%d" % numbers[0])
        elif self._may_look_up(numbers[0], min(numbers), max(numbers)):
            digits, block = _last_digits(), numbers[0] // _BLOCK
            self.text(b"%d" % block)
            block *= _BLOCK
            self.texts([digits[number - block] for number in numbers])
        else:
            self.texts(str(numbers)[1:-1].encode().split(b", "))

    def ascending(self, numbers: list[int]) -> None:
        """Add a number to each line that is larger than the one in front of it."""
        first, last = numbers[0], numbers[-1]
        if last - first == self.count - 1 and self._may_look_up(first, first, last):
            block, start = divmod(first, _BLOCK)
            self.text(b"%d" % block)
            self.texts(_last_digits()[start : start + self.count])
        else:
            self.numbers(numbers)

    def _may_look_up(self, first: int, lowest: int, highest: int) -> bool:
        """Whether numbers are large, many, and differ in their last digits only."""
        return self.count >= _MANY and lowest >= _BLOCK and lowest // _BLOCK == first // _BLOCK == highest // _BLOCK

    def write(self) -> bytes:
        """Put the lines together; each ends as its last text does."""
        self._end_slot()
        width = len(self._slots)
        parts = [b""] * (width * self.count)
        for number, slot in enumerate(self._slots):
            parts[number::width] = slot
        return b"".join(parts)

    def _end_slot(self) -> None:
        if self._same:
            self._slots.append([b"".join(self._same)] * self.count)
            self._same = []


@cache
def _last_digits() -> list[bytes]:
    return [b"%04d" % number for number in range(_BLOCK)]
