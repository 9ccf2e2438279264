"""Answers that are parts of files: sent as promised or not at all, and their descriptors never left open."""

import os
from pathlib import Path

import anyio
import pytest

from gomq.net.session import Answer, Handle, Parts
from gomq.protocol.requests import RequestHead
from gomq_storage.files import FileRange
from tests.support.session_peer import FETCH, PRODUCE, request, serving
from tests.support.waiting import until


def answering_with_file(path: Path, opened: list[FileRange], *, size: int) -> Handle:
    async def answer() -> Parts:
        file_range = FileRange(os.open(path, os.O_RDONLY), 0, size)
        opened.append(file_range)
        return [b"<", file_range, b">"]

    async def handle(head: RequestHead, _: memoryview) -> Answer:
        return answer if head.api_key == PRODUCE else await answer()

    return handle


@pytest.mark.parametrize("size", [0, 1, 8 << 10, (8 << 10) + 1, 3 << 20])
@pytest.mark.parametrize("api", [PRODUCE, FETCH])
async def test_a_part_of_a_file_is_sent_between_bytes_and_closed(tmp_path: Path, size: int, api: int):
    content = os.urandom(size)
    (tmp_path / "file").write_bytes(content)
    opened: list[FileRange] = []
    async with serving(answering_with_file(tmp_path / "file", opened, size=size)) as peer:
        await peer.send(request(api, 1), request(api, 2))
        assert await peer.receive(2 * (size + 2)) == (b"<" + content + b">") * 2
    assert [file_range.descriptor for file_range in opened] == [-1, -1]


@pytest.mark.parametrize("promised", [100, 1 << 20])
async def test_a_file_shorter_than_promised_ends_the_session_instead_of_misleading_the_peer(
    tmp_path: Path, promised: int
):
    (tmp_path / "file").write_bytes(b"x" * 50)
    opened: list[FileRange] = []
    async with serving(answering_with_file(tmp_path / "file", opened, size=promised)) as peer:
        await peer.send(request(FETCH, 1))
        with anyio.fail_after(10):
            await peer.ended.wait()
        assert isinstance(peer.failure, EOFError)
    assert opened[0].descriptor == -1


@pytest.mark.parametrize("api", [PRODUCE, FETCH])
async def test_a_peer_that_never_reads_holds_no_more_than_its_own_answers(tmp_path: Path, api: int):
    with (tmp_path / "file").open("wb") as file:
        file.truncate(64 << 20)
    opened: list[FileRange] = []
    async with serving(answering_with_file(tmp_path / "file", opened, size=64 << 20)) as peer:
        await peer.send(*(request(api, number) for number in range(200)))
        await until(lambda: opened)
        await anyio.wait_all_tasks_blocked()
        assert len(opened) <= 65
    assert {file_range.descriptor for file_range in opened} == {-1}


async def test_a_file_that_waits_for_its_turn_is_closed_when_the_peer_leaves(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"x")
    opened: list[FileRange] = []

    async def never() -> Parts:
        await anyio.sleep_forever()
        return ()

    async def handle(head: RequestHead, _: memoryview) -> Answer:
        if head.correlation_id == 1:
            return never
        opened.append(FileRange(os.open(tmp_path / "file", os.O_RDONLY), 0, 1))
        return opened

    async with serving(handle) as peer:
        await peer.send(request(PRODUCE, 1), request(PRODUCE, 2))
        await until(lambda: opened)
    assert opened[0].descriptor == -1
