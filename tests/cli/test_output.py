"""Data on stdout: whoever reads it slowly holds up the writing, and nothing else."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from gomq.cli.output import Output


@contextmanager
def piped() -> Iterator[tuple[int, int]]:
    """Have a pipe as stdout: both of its ends."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as out, pytest.MonkeyPatch.context() as patch:  # a fixture's would not outlast setup
        patch.setattr("sys.stdout", out)
        yield reading, writing


async def test_while_a_pipe_is_full_others_have_their_turn_and_nothing_is_lost():
    data = os.urandom(1 << 20)
    is_written = anyio.Event()

    async def write() -> None:
        with Output() as out:
            await out.write(data)
            is_written.set()

    with piped() as (reading, writing):
        async with anyio.create_task_group() as group:
            group.start_soon(write)
            await anyio.wait_readable(reading)
            await anyio.lowlevel.checkpoint()
            assert not is_written.is_set()
            assert os.get_blocking(writing), "the shell's own file stays as it was"
            found = b""
            while len(found) < len(data):
                found += await to_thread.run_sync(os.read, reading, 1 << 16)
    assert sha256(found).digest() == sha256(data).digest()
    os.close(reading)


async def test_a_reader_that_has_closed_it_is_a_broken_pipe():
    with piped() as (reading, _), Output() as out:
        os.close(reading)
        with pytest.raises(BrokenPipeError):
            await out.write(b"x")


async def test_waiting_for_a_slow_reader_can_be_cancelled():
    with piped() as (reading, _), Output() as out, anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(out.write, bytes(1 << 20))
            await anyio.wait_readable(reading)
            scope.cancel()
    assert scope.cancelled_caught
    os.close(reading)


async def test_a_file_is_written_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with (tmp_path / "out").open("w+") as file:
        file.write("before\n")
        monkeypatch.setattr("sys.stdout", file)
        with Output() as out:
            await out.write(b"behind\n")
        monkeypatch.undo()
    assert (tmp_path / "out").read_text() == "before\nbehind\n"
