"""Decode bytes as Java decodes UTF-8, so that what is no text looks as Kafka's tools show it."""

import codecs
from typing import Final

_AS_JAVA: Final = "gomq_dump.java"


def decode_as_java(data: bytes) -> str:
    """Decode UTF-8, with a replacement character where it is none."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode(errors=_AS_JAVA)


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
