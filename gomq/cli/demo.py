"""``gomq demo``: the main job in a few seconds, on a broker of its own: publish, replay from offset 0, look inside."""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

import gomq
from gomq.cli.options import FAILED, backend_option, examples, run
from gomq.cli.without_rich import leave_rich_out_of_structlog

_TOPIC: Final = "demo"
_SEGMENT_BYTES: Final = 32 << 10
_BATCH_BYTES: Final = 4 << 10
"""Small, so that there are several segments with something in their indexes."""


@click.command(epilog=examples("gomq demo", "gomq demo /etc/services --backend trio"))
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="[FILE]...")
@backend_option
def demo(*, files: Sequence[Path], backend: str) -> int:
    """Try it all on a broker of its own.

    Publishes the lines of files, replays them from offset 0, compares, and dumps the segment files. Where no file
    is named, GoMQ's own sources are published. The broker runs in this process, its data is in a temporary
    directory and removed at the end.
    """
    leave_rich_out_of_structlog()
    sources = {str(file): file.read_bytes() for file in files or sorted(Path(gomq.__file__).parent.glob("client/*.py"))}
    with tempfile.TemporaryDirectory(prefix="gomq-demo-") as directory:
        data = Path(directory) / "data"
        code: int = run(lambda: _publish_and_replay(data, sources), backend=backend)
        return code or _dump(data / f"{_TOPIC}-0")


async def _publish_and_replay(data: Path, sources: dict[str, bytes]) -> int:
    async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker:
        print(f"A broker serves on {broker.address} and keeps its data in {data}.\n")
        count = await _publish(broker.address, sources)
        replayed = await _replay(broker.address, count)
    if replayed != sources:
        print("What came back is not what was published.", file=sys.stderr)
        return FAILED
    print("Every file came back byte for byte.\n")
    return 0


async def _publish(address: str, sources: dict[str, bytes]) -> int:
    """Publish each line as a message whose key is its file's name."""
    started = time.perf_counter()
    count = 0
    async with gomq.Producer(address, max_batch_bytes=_BATCH_BYTES) as producer:
        await producer.create_topic(_TOPIC, configs={"segment.bytes": _SEGMENT_BYTES})
        for name, content in sources.items():
            lines = [gomq.NewMessage(line, key=name.encode()) for line in content.split(b"\n")]
            count += (await producer.publish_many(_TOPIC, lines)).count
    milliseconds = (time.perf_counter() - started) * 1000
    print(
        f"Published {count} lines of {len(sources)} files to topic {_TOPIC!r}, each on disk, in {milliseconds:.0f} ms."
    )
    return count


async def _replay(address: str, count: int) -> dict[str, bytes]:
    """Take every message from offset 0 on and put the files together again."""
    started = time.perf_counter()
    lines: dict[str, list[bytes]] = {}
    async with gomq.Consumer(address, _TOPIC, replay=True) as consumer:
        async for message in consumer:
            lines.setdefault((message.key or b"").decode(), []).append(message.value or b"")
            if message.offset == count - 1:
                break
    print(f"Replayed {count} messages from offset 0 in {(time.perf_counter() - started) * 1000:.0f} ms.")
    return {name: b"\n".join(parts) for name, parts in lines.items()}


def _dump(partition: Path) -> int:
    from gomq_dump.cli import main  # noqa: PLC0415 - only the end of the demo needs it

    print(f"gomq-dump {partition}")
    sys.stdout.flush()
    return main([str(partition)])
