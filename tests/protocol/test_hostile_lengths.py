"""Whatever length or count a request has at whatever place: it is read, or it is one error, and never much memory."""

import struct
import tracemalloc
from collections.abc import Iterator

import pytest

from gomq.errors import ProtocolError
from gomq.protocol.api import SERVED, Api
from gomq.protocol.entities import is_flexible
from gomq.protocol.requests import decode_request
from gomq_storage.varint import encode_unsigned
from tests.support.corpus import sample_request

_FIRST = 8
"""Where the first length is: that of the client's id."""
_MOST_BYTES = 1 << 20


def changed(whole: bytes, *, flexible: bool) -> Iterator[bytes]:
    """Put every extreme length at every place: some are where a length or count was, and none may do harm."""
    for position in range(_FIRST, len(whole)):
        left = len(whole) - position
        for value in (-2, -1, 0, 2**31 - 1, left - 5, left - 4, left - 3):
            if position + 4 <= len(whole):
                yield whole[:position] + struct.pack(">i", value) + whole[position + 4 :]
        for value in (-2, -1, 0, 2**15 - 1, left - 3, left - 2, left - 1):
            if position + 2 <= len(whole) and value < 2**15:
                yield whole[:position] + struct.pack(">h", value) + whole[position + 2 :]
        for number in (0, 1, left, left + 1, 2**28, 2**32 - 1) if flexible else ():
            yield whole[:position] + encode_unsigned(number) + whole[position + 1 :]


@pytest.mark.parametrize("end", ["oldest", "newest"])
@pytest.mark.parametrize("api", list(SERVED))
def test_extreme_lengths_are_read_or_refused_without_much_memory(api: Api, end: str):
    version = getattr(SERVED[api], end)
    whole = sample_request(api, version)[4:]
    frames = list(changed(whole, flexible=is_flexible(api, version)))
    decode_request(memoryview(whole), api, version)
    refused = 0
    tracemalloc.start()
    try:
        for frame in frames:
            try:
                decode_request(memoryview(frame), api, version)
            except ProtocolError:
                refused += 1
        assert tracemalloc.get_traced_memory()[1] < _MOST_BYTES
    finally:
        tracemalloc.stop()
    assert refused
