"""Sizes and strings of the two layouts a version may have: plain, or compact with tags (KIP-482)."""

import struct
from typing import Final
from uuid import UUID

from gomq_storage.varint import encode_unsigned

INT32: Final = struct.Struct(">i")
NO_TAGS: Final = b"\0"
NO_TOPIC_ID: Final = UUID(int=0)
"""kio reads it as None."""


def array_size(count: int, *, flexible: bool) -> bytes:
    """The count in front of an array."""
    return encode_unsigned(count + 1) if flexible else INT32.pack(count)


def string(text: str, *, flexible: bool) -> bytes:
    """A string and its length."""
    raw = text.encode()
    return (encode_unsigned(len(raw) + 1) if flexible else len(raw).to_bytes(2, "big")) + raw


def null_string(*, flexible: bool) -> bytes:
    """A string that is null."""
    return b"\0" if flexible else b"\xff\xff"


def bytes_size(size: int, *, flexible: bool) -> bytes:
    """The length in front of bytes or records."""
    return encode_unsigned(size + 1) if flexible else INT32.pack(size)


def topic_key(topic: str | UUID, *, flexible: bool) -> bytes:
    """How a message names a topic: by name, or by id in the versions that do."""
    return topic.bytes if isinstance(topic, UUID) else string(topic, flexible=flexible)
