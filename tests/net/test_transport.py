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


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux has it")
async def test_the_kernel_looks_after_peers_whose_machine_is_gone():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        connected, _ = server.accept()
        transport = PlainTransport(connected, user_timeout=360)
        wanted = {
            socket.TCP_NODELAY: 1,
            socket.TCP_KEEPIDLE: 60,
            socket.TCP_KEEPINTVL: 15,
            socket.TCP_KEEPCNT: 4,
            socket.TCP_USER_TIMEOUT: 360_000,
        }
        assert {option: connected.getsockopt(socket.IPPROTO_TCP, option) for option in wanted} == wanted
        assert connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        transport.close()


@pytest.mark.skipif(not hasattr(socket, "TCP_CONGESTION"), reason="Linux has it")
@pytest.mark.parametrize(("source", "is_ours"), [("127.0.0.1", True), ("127.0.0.2", False)])
async def test_nothing_is_paced_between_two_ends_that_have_one_address(source: str, is_ours: bool):
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), source_address=(source, 0)),
    ):
        connected, _ = server.accept()
        before = connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0")
        transport = PlainTransport(connected)
        after = connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0")
        assert after == (b"reno" if is_ours else before)
        transport.close()


async def test_a_space_is_only_asked_for_when_something_may_be_there(pair: tuple[PlainTransport, PlainTransport]):
    ours, theirs = pair
    asked: list[memoryview] = []

    def space() -> memoryview:
        asked.append(memoryview(bytearray(10)))
        return asked[-1]

    counts: list[int] = []

    async def receive_one() -> None:
        counts.append(await ours.receive(space))

    async with anyio.create_task_group() as group:
        group.start_soon(receive_one)
        await anyio.wait_all_tasks_blocked()
        assert len(asked) == 1
        await theirs.send([b"abc"])
    assert (counts, bytes(asked[-1][:3]), len(asked)) == ([3], b"abc", 2)
    theirs.close()
    assert await ours.receive(space) == 0


async def test_a_peer_that_left_is_seen_though_nothing_is_read(pair: tuple[PlainTransport, PlainTransport]):
    ours, theirs = pair
    await theirs.send([b"unread"])
    assert not ours.has_left()
    theirs.close()
    assert ours.has_left()
    ours.close()
    assert ours.has_left()


async def test_what_was_sent_is_counted(pair: tuple[PlainTransport, PlainTransport], tmp_path: Path):
    ours, theirs = pair
    (tmp_path / "file").write_bytes(bytes(1000))
    await ours.send([b"abc", b"de"])
    assert not ours.send_now([b"fgh"])
    with (tmp_path / "file").open("rb") as file:
        await ours.send_file(file.fileno(), 0, 1000)
    assert ours.sent_bytes == 1008
    await receive(theirs, 1008)
