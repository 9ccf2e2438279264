"""Cuts what is read into messages at a delimiter, wherever the reads were cut. Bytes only."""

from typing import Final

from gomq.errors import GomqError

MAX_MESSAGE_BYTES: Final = 100 << 20
"""No broker takes more; a delimiter that never comes shall not fill the memory."""


class Splitter:
    """Takes bytes as they come and gives whole messages, without their delimiters.

    Args:
        delimiter: what is behind each message; the last one may be without. None: all of it is one message.
    """

    def __init__(self, delimiter: bytes | None) -> None:
        self._delimiter = delimiter
        self._parts: list[bytes] = []
        self._size = 0
        self._tail = b""
        """The end of what is here, in which a delimiter of several bytes may have begun."""

    def feed(self, data: bytes) -> list[bytes]:
        """Take what came next; return the messages that are whole now.

        Raises:
            GomqError: one is larger than any message may be.
        """
        delimiter = self._delimiter
        if delimiter is None or delimiter not in self._tail + data:
            self._keep(data)
            return []
        self._parts.append(data)
        messages = b"".join(self._parts).split(delimiter)
        self._parts, self._size, self._tail = [], 0, b""
        self._keep(messages.pop())
        return messages

    def finish(self) -> list[bytes]:
        """Return the message behind the last delimiter, if there is one."""
        rest = b"".join(self._parts)
        self._parts, self._size, self._tail = [], 0, b""
        return [rest] if rest or self._delimiter is None else []

    def _keep(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)
        if self._size > MAX_MESSAGE_BYTES:
            what = "a file" if self._delimiter is None else "a line of the input"
            raise GomqError(f"{what} has more than {MAX_MESSAGE_BYTES} bytes; no message may")
        overlap = len(self._delimiter or b"") - 1
        if overlap > 0:
            self._tail = (self._tail + data)[-overlap:]
