"""What was asked of ``gomq publish``, checked as a whole: what cannot go together is told before anything is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import click

ANY: Final = "any"
"""Of partitions: chosen by the key, or in turn, whatever --input json names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """The options, as they were given; ``None`` where one was not."""

    topic: str
    files: Sequence[Path]
    broker: str
    input_format: str
    key: bytes | None
    key_delimiter: bytes | None
    delimiter: bytes | None
    is_whole: bool
    empty_is_null: bool
    headers: Sequence[tuple[str, str]]
    timestamp: int | None
    partition: int | Literal["any"] | None
    """A number, or ANY."""
    count: int | None
    rate: float | None
    codec: str
    acks: str
    timeout: float
    output_format: str

    @property
    def is_json(self) -> bool:
        """Whether each line is an object."""
        return self.input_format == "json"

    def check(self) -> None:
        """Refuse what cannot be.

        Raises:
            click.UsageError: it says why, and what would do.
        """
        for problem in self._problems():
            raise click.UsageError(problem)

    def _problems(self) -> Sequence[str]:
        if self.key is not None and self.key_delimiter is not None:
            return ("--key is the key of all messages, --key-delimiter finds one in each: give one of them.",)
        if self.is_whole and (self.delimiter is not None or self.is_json):
            return ("--whole makes one message of each file: leave out --delimiter and --input json.",)
        if self.is_json and (self.key_delimiter is not None or self.empty_is_null):
            return ("--input json has keys and nulls of its own: leave out --key-delimiter and --null.",)
        return ()
