"""Decode bytes as Java decodes UTF-8, so that what is no text looks as Kafka's tools show it."""

import codecs
from typing import Final

from gomq_storage.record_fields import Headers, encode_name

_AS_JAVA: Final = "gomq_dump.java"


def decode_as_java(data: bytes) -> str:
    """Decode UTF-8, with a replacement character where it is none."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode(errors=_AS_JAVA)


def name_as_java(name: str) -> str:
    """Show a header's name as Java's consumer decodes it: what stands for bytes that are no UTF-8 is replaced."""
    return name if name.isascii() else decode_as_java(encode_name(name))


def header_keys(headers: Headers) -> str:
    """List the names of a record's headers as Kafka's tool does."""
    return ",".join([name_as_java(name) for name, _ in headers])


def _replace_as_java(error: UnicodeError) -> tuple[str, int]:
    """Replace what is no UTF-8, as Python does too, but an encoded surrogate as one character, not as two or three."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    data, end = error.object, error.end
    if data[error.start] == 0xED and 0xA0 <= (data[end] if end < len(data) else 0) <= 0xBF:
        end += 1
        if end < len(data) and data[end] & 0xC0 == 0x80:
            end += 1
    return "\ufffd", end


codecs.register_error(_AS_JAVA, _replace_as_java)
