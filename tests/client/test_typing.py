"""A user's program type-checks under ``mypy --strict``, and a wrong one does not."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
from collections.abc import AsyncIterator

import anyio
import gomq


async def first(address: str) -> gomq.Message | None:
    async with gomq.Consumer(address, "orders", replay=True) as consumer:
        async for message in consumer:
            return message
    return None


async def stored(address: str) -> int:
    async with gomq.Producer(address, codec="zstd", acks=1) as producer:
        receipt = await producer.publish("orders", b"x", key=b"k", headers={"trace": b"1"})
        return receipt.offset


async def messages() -> AsyncIterator[bytes]:
    yield b"x"


async def main() -> None:
    async with gomq.Broker(data="data", listen="127.0.0.1:0") as broker:
        async with gomq.Producer(broker.address) as producer:
            published: gomq.Published = await producer.publish_many("orders", [b"a", gomq.NewMessage(b"b", key=b"k")])
            await producer.publish_many("orders", messages())
        print("this is reached", published.count)
        async with gomq.Consumer(broker.address, "orders", replay=True) as consumer:
            async for batch in consumer.batches(until=await consumer.end_offsets()):
                values: list[bytes | None] = [message.value for message in batch.messages]
                print(values)
        async with gomq.Admin(broker.address) as admin:
            names: list[str] = [topic.name for topic in await admin.list_topics()]
        print(names, await stored(broker.address), await first(broker.address))


anyio.run(main)
"""
WRONG = """
import gomq


async def main(producer: gomq.Producer) -> None:
    await producer.publish("orders", "text")
    gomq.Producer(acks=3)
    producer.publish("orders", b"never awaited")
"""


def check(folder: Path, program: str) -> str:
    (folder / "program.py").write_text(program)
    (folder / "mypy.ini").write_text("[mypy]\nstrict = True\nwarn_unreachable = True\n")
    # a cache of its own would take mypy half a minute to fill; the program's own modules are few
    cache = Path(__file__).resolve().parents[2] / ".mypy_cache" / "user"
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(cache), "--config-file", "mypy.ini", "program.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False, text=True, timeout=120).stdout


@pytest.mark.timeout(150)
def test_a_users_program_is_typed(tmp_path: Path):
    assert check(tmp_path, PROGRAM) == "Success: no issues found in 1 source file\n"


@pytest.mark.timeout(150)
def test_a_wrong_program_is_told_where(tmp_path: Path):
    complaints = check(tmp_path, WRONG)

    assert 'Argument 2 to "publish" of "Producer" has incompatible type "str"; expected "bytes | None"' in complaints
    assert 'Argument "acks" to "Producer" has incompatible type' in complaints
    assert "Are you missing an await?" in complaints
