"""Lines of which most is the same, many at once: no code of ours runs for a line.

What differs is put into a template by ``bytes.__mod__``, but for what is large: that is joined in, and so copied once.
"""

from collections.abc import Iterable, Sequence
from typing import Any


class LineTemplate:
    """Some lines, from left to right.

    Args:
        count: how many lines, at least one.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._slots: list[Iterable[bytes]] = []
        self._template: list[bytes] = []
        self._columns: list[Sequence[Any]] = []

    def text(self, text: bytes) -> None:
        """Add what is the same in all lines."""
        self._template.append(text.replace(b"%", b"%%"))

    def numbers(self, numbers: Sequence[int]) -> None:
        """Add a number to each line."""
        if numbers[0] == numbers[-1] and numbers.count(numbers[0]) == self.count:
            self.text(b"%d" % numbers[0])
        else:
            self._template.append(b"%d")
            self._columns.append(numbers)

    def small(self, texts: Sequence[bytes]) -> None:
        """Add something to each line that is short, or often the same."""
        if texts[0] == texts[-1] and texts.count(texts[0]) == self.count:
            self.text(texts[0])
        else:
            self._template.append(b"%b")
            self._columns.append(texts)

    def large(self, texts: Sequence[bytes]) -> None:
        """Add something to each line that may be long."""
        self._end_slot()
        self._slots.append(texts)

    def write(self) -> bytes:
        """Put the lines together; each ends as its last text does."""
        self._end_slot()
        width = len(self._slots)
        parts = [b""] * (width * self.count)
        for number, slot in enumerate(self._slots):
            parts[number::width] = slot
        return b"".join(parts)

    def _end_slot(self) -> None:
        template = b"".join(self._template)
        if self._columns:
            self._slots.append(map(template.__mod__, zip(*self._columns, strict=True)))
        elif template:
            self._slots.append([template % ()] * self.count)
        self._template, self._columns = [], []
