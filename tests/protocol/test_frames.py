"""Frames come out of a stream the same however it is split, and no size field makes the buffer grow."""

import pytest
from hypothesis import given, settings, strategies as st

from gomq.errors import ProtocolError
from gomq.protocol.frames import FrameBuffer, FrameSizeError
from tests.support.wire import framed

MAX_BYTES = 100 << 20


def frames_of(stream: bytes, sizes: list[int], *, min_bytes: int = 0) -> list[bytes]:
    """Feed a stream in pieces of the given sizes, over and over, and return the frames."""
    buffer = FrameBuffer(max_bytes=MAX_BYTES, min_bytes=min_bytes)
    frames: list[bytes] = []
    position = turn = 0
    while position < len(stream):
        space = buffer.space()
        assert len(space) > 0, "there is always room for more"
        piece = stream[position : position + min(sizes[turn % len(sizes)], len(space))]
        space[: len(piece)] = piece
        buffer.received(len(piece))
        position += len(piece)
        turn += 1
        while (frame := buffer.next_frame()) is not None:
            frames.append(bytes(frame))
    assert not buffer.has_part_of_frame
    return frames


def capacity(buffer: FrameBuffer) -> int:
    return len(buffer._buffer)


def fill(buffer: FrameBuffer, data: bytes) -> None:
    position = 0
    while position < len(data):
        space = buffer.space()
        count = min(len(space), len(data) - position)
        space[:count] = data[position : position + count]
        buffer.received(count)
        position += count


@given(
    payloads=st.lists(
        st.one_of(st.binary(max_size=64), st.integers(0, 100_000).map(lambda size: b"\xa5" * size)), max_size=12
    ),
    sizes=st.lists(st.integers(1, 70_000), min_size=1, max_size=8),
)
@settings(max_examples=60, deadline=None)
def test_any_split_of_the_stream_gives_the_same_frames(payloads: list[bytes], sizes: list[int]):
    stream = b"".join(map(framed, payloads))
    assert frames_of(stream, sizes) == payloads


def test_a_stream_fed_byte_by_byte_gives_the_same_frames():
    payloads = [b"", b"x", b"abc" * 100, b"y" * 5000]
    assert frames_of(b"".join(map(framed, payloads)), [1]) == payloads


@pytest.mark.parametrize("first", range(1, 24))
def test_two_frames_split_in_two_at_any_place_are_two_frames(first: int):
    stream = framed(b"0123456789") + framed(b"abcdef")
    assert frames_of(stream, [first, len(stream)]) == [b"0123456789", b"abcdef"]


def test_a_frame_is_a_read_only_view():
    buffer = FrameBuffer(max_bytes=MAX_BYTES, min_bytes=0)
    fill(buffer, framed(b"abc"))
    frame = buffer.next_frame()
    assert frame is not None
    assert frame.readonly


def test_a_frame_stays_as_it_is_while_those_received_with_it_are_taken():
    buffer = FrameBuffer(max_bytes=MAX_BYTES, min_bytes=0)
    fill(buffer, framed(b"first") + framed(b"second") + framed(b"third")[:6])
    frames = [buffer.next_frame() for _ in range(3)]
    assert [frame and bytes(frame) for frame in frames] == [b"first", b"second", None]


@pytest.mark.parametrize("size", [-1, 0, 7, -(2**31), 2**31 - 1, (100 << 20) + 1])
def test_a_size_that_no_request_has_is_refused_at_its_fourth_byte(size: int):
    buffer = FrameBuffer(max_bytes=MAX_BYTES, min_bytes=8)
    fill(buffer, size.to_bytes(4, "big", signed=True)[:3])
    assert buffer.next_frame() is None
    fill(buffer, size.to_bytes(4, "big", signed=True)[3:])
    before = capacity(buffer)
    with pytest.raises(FrameSizeError) as caught:
        buffer.next_frame()
    assert caught.value.size == size
    assert isinstance(caught.value, ProtocolError)
    assert capacity(buffer) == before


@pytest.mark.parametrize(
    ("first_bytes", "hint"),
    [
        (b"\x16\x03\x01\x02", "TLS"),
        (b"GET /", "HTTP"),
        (b"POST ", "HTTP"),
        (b"HEAD ", "HTTP"),
        (b"PUT /", "HTTP"),
        (b"OPTIONS ", "HTTP"),
        (b"PRI * HTTP/2", "HTTP"),
        (b"HTTP/1.1 400", "HTTP server"),
        (b"SSH-2.0-", "SSH"),
    ],
)
def test_another_protocol_is_recognised_by_its_first_bytes(first_bytes: bytes, hint: str):
    buffer = FrameBuffer(max_bytes=MAX_BYTES, min_bytes=8)
    fill(buffer, first_bytes)
    with pytest.raises(FrameSizeError, match=hint):
        buffer.next_frame()


def test_a_promised_size_alone_makes_no_room():
    buffer = FrameBuffer(max_bytes=MAX_BYTES, min_bytes=8)
    fill(buffer, MAX_BYTES.to_bytes(4, "big") + b"x" * 100)
    assert buffer.next_frame() is None
    buffer.space()
    assert capacity(buffer) <= 64 << 10


def test_the_buffer_grows_with_what_has_arrived():
    buffer = FrameBuffer(max_bytes=MAX_BYTES, min_bytes=8)
    fill(buffer, MAX_BYTES.to_bytes(4, "big"))
    arrived = 4
    while arrived < 8 << 20:
        fill(buffer, bytes(60_000))
        arrived += 60_000
        assert buffer.next_frame() is None
        assert capacity(buffer) <= 2 * arrived + (64 << 10)


def test_a_large_buffer_is_let_go_once_its_frame_is_taken():
    buffer = FrameBuffer(max_bytes=MAX_BYTES, min_bytes=8)
    stream = framed(b"x" * (20 << 20))
    frame = None
    for position in range(0, len(stream), 64 << 10):
        fill(buffer, stream[position : position + (64 << 10)])
        frame = buffer.next_frame()
    assert frame is not None
    assert capacity(buffer) > 20 << 20
    fill(buffer, framed(b"the next frame"))
    assert bytes(buffer.next_frame() or b"") == b"the next frame"
    assert capacity(buffer) <= 64 << 10
    assert len(frame) == 20 << 20, "a view of the old buffer stays good"


def test_a_buffer_of_ordinary_size_is_kept():
    buffer = FrameBuffer(max_bytes=MAX_BYTES, min_bytes=8)
    sizes = set()
    for _ in range(3):
        fill(buffer, framed(b"x" * (1 << 20)))
        assert buffer.next_frame() is not None
        sizes.add(capacity(buffer))
    buffer.space()
    assert sizes == {capacity(buffer)}


def test_a_large_buffer_is_kept_for_as_long_as_large_frames_come_where_that_is_wanted():
    buffer = FrameBuffer(max_bytes=MAX_BYTES, min_bytes=8, kept_bytes=8 << 20)
    large = framed(b"x" * (6 << 20))
    before: set[int] = set()
    for _ in range(3):
        for position in range(0, len(large), 64 << 10):
            fill(buffer, large[position : position + (64 << 10)])
        assert buffer.next_frame() is not None
        before.add(id(buffer._buffer))
    assert len(before) == 1
    fill(buffer, framed(b"a small frame"))
    assert bytes(buffer.next_frame() or b"") == b"a small frame"
    buffer.space()
    assert capacity(buffer) <= 64 << 10


def test_part_of_a_frame_is_told_from_none():
    buffer = FrameBuffer(max_bytes=MAX_BYTES, min_bytes=0)
    seen = [buffer.has_part_of_frame]
    for piece in (framed(b"abc")[:5], framed(b"abc")[5:]):
        fill(buffer, piece)
        buffer.next_frame()
        seen.append(buffer.has_part_of_frame)
    assert seen == [False, True, False]


def test_there_is_no_buffer_before_it_is_needed_and_none_after_it_is_let_go_of():
    buffer = FrameBuffer(max_bytes=MAX_BYTES, min_bytes=0)
    assert capacity(buffer) == 0
    fill(buffer, framed(b"abc"))
    assert 0 < capacity(buffer) <= 4 << 10
    frame = buffer.next_frame()
    buffer.release()
    assert capacity(buffer) == 0
    assert frame is not None
    assert bytes(frame) == b"abc", "a view of the old buffer stays good"
    fill(buffer, framed(b"defg"))
    assert bytes(buffer.next_frame() or b"") == b"defg"


def test_a_buffer_with_something_in_it_is_not_let_go_of():
    buffer = FrameBuffer(max_bytes=MAX_BYTES, min_bytes=0)
    fill(buffer, framed(b"abc") + framed(b"def")[:5])
    for expected in (b"abc", None):
        buffer.release()
        frame = buffer.next_frame()
        assert (frame and bytes(frame)) == expected
    buffer.release()
    fill(buffer, framed(b"def")[5:])
    assert bytes(buffer.next_frame() or b"") == b"def"


def test_the_size_of_a_frame_is_told_while_it_is_coming_in():
    buffer = FrameBuffer(max_bytes=MAX_BYTES, min_bytes=0)
    sizes = []
    for piece in (framed(b"abcdef")[:3], framed(b"abcdef")[3:6], framed(b"abcdef")[6:]):
        fill(buffer, piece)
        frame = buffer.next_frame()
        sizes.append((buffer.unfinished_bytes, frame is not None))
    assert sizes == [(0, False), (6, False), (0, True)]


def test_a_client_that_fills_the_first_buffer_gets_a_larger_one():
    buffer = FrameBuffer(max_bytes=MAX_BYTES, min_bytes=0)
    frames = 0
    for _ in range(10):
        space = buffer.space()
        space[:] = (framed(b"abcd") * 2048)[: len(space)]
        buffer.received(len(space))
        while buffer.next_frame() is not None:
            frames += 1
    assert (capacity(buffer), frames) == (16 << 10, 4096 // 8 + 9 * (16384 // 8))
