"""A socket without a stream around it: everything is sent, in order, whatever the kernel takes at once."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from gomq.net.transport import PlainTransport


@pytest.fixture
async def pair() -> AsyncIterator[tuple[PlainTransport, PlainTransport]]:
    """Two ends of a connection whose buffers are small."""
    ends = socket.socketpair()
    for end in ends:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    with closing(PlainTransport(ends[0])) as ours, closing(PlainTransport(ends[1])) as theirs:
        yield ours, theirs


async def receive(transport: PlainTransport, count: int) -> bytes:
    space = memoryview(bytearray(count))
    filled = 0
    with anyio.fail_after(10):
        while filled < count:
            got = await transport.receive_into(space[filled:])
            assert got, "the other end closed"
            filled += got
    return bytes(space)


async def test_more_parts_than_the_kernel_takes_at_once_arrive_in_order(pair: tuple[PlainTransport, PlainTransport]):
    ours, theirs = pair
    parts = [os.urandom(number % 977) for number in range(2000)]
    async with anyio.create_task_group() as group:
        group.start_soon(ours.send, parts)
        assert await receive(theirs, sum(map(len, parts))) == b"".join(parts)


async def test_what_cannot_be_sent_now_is_handed_back(pair: tuple[PlainTransport, PlainTransport]):
    ours, theirs = pair
    parts = [os.urandom(30_000) for _ in range(20)]
    left = ours.send_now(parts)
    assert left
    assert b"".join(parts).endswith(b"".join(left))
    async with anyio.create_task_group() as group:
        group.start_soon(ours.send, left)
        assert await receive(theirs, 600_000) == b"".join(parts)
    assert not ours.send_now([b"small"])


async def test_a_part_of_a_file_is_sent_from_where_it_starts(
    pair: tuple[PlainTransport, PlainTransport], tmp_path: Path
):
    ours, theirs = pair
    content = os.urandom(3 << 20)
    (tmp_path / "file").write_bytes(content)
    with (tmp_path / "file").open("rb") as file:
        async with anyio.create_task_group() as group:
            group.start_soon(ours.send_file, file.fileno(), 1000, 2_500_000)
            assert await receive(theirs, 2_500_000) == content[1000:2_501_000]


async def test_a_file_that_ends_too_early_is_an_error(pair: tuple[PlainTransport, PlainTransport], tmp_path: Path):
    (tmp_path / "file").write_bytes(b"x" * 10)
    with (tmp_path / "file").open("rb") as file, pytest.raises(EOFError, match="7 more were promised"):
        await pair[0].send_file(file.fileno(), 2, 15)


async def test_closing_wakes_whoever_waits(pair: tuple[PlainTransport, PlainTransport]):
    woken = anyio.Event()

    async def wait() -> None:
        try:
            await pair[0].receive_into(memoryview(bytearray(1)))
        except (OSError, anyio.ClosedResourceError):
            woken.set()

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        pair[0].close()
        pair[0].close()
        with anyio.fail_after(10):
            await woken.wait()


async def test_a_connection_that_is_gone_has_a_name_all_the_same(pair: tuple[PlainTransport, PlainTransport]):
    pair[0].close()
    assert pair[0].peer == "unknown:0"
    assert pair[0].local_host == "unknown"
