"""``gomq publish``: each line of a file, or of what comes in, is a message."""

import json
import os
import stat
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

import anyio
import click
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from gomq.cli.lines import read_lines
from gomq.cli.options import broker_option, format_option, option, pairs, run, utf8
from gomq.client import NewMessage, Producer
from gomq.client.producing.settings import Acks
from gomq.errors import GomqError
from gomq_storage.compression import Codec

_ACKS: Final[dict[str, Acks]] = {"all": "all", "1": 1, "0": 0}
_READ_AHEAD: Final = 32
"""Reads of which the lines wait while others are published."""

OnProgress = Callable[[int], object]
"""Told how many bytes of input are published since the last time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """How a line becomes a message."""

    key_delimiter: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    def messages(self, lines: Sequence[bytes]) -> Iterable[bytes | NewMessage]:
        """Make messages; plain lines stay what they are, which is the fastest."""
        if self.key_delimiter is None and not self.headers:
            return lines
        return map(self._message, lines)

    def _message(self, line: bytes) -> NewMessage:
        key, value = None, line
        if self.key_delimiter is not None:
            before, found, behind = line.partition(self.key_delimiter)
            if found:
                key, value = before, behind
        return NewMessage(value, key, self.headers)


@click.command()
@click.argument("topic", callback=utf8)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path), default="-")
@broker_option
@option("-K", "--key-delimiter", metavar="TEXT", help=r"What is in front of it is the message's key; \t is a tab.")
@option(
    "-H",
    "--header",
    "headers",
    envvar="GOMQ_PUBLISH_HEADER",
    callback=pairs,
    multiple=True,
    metavar="NAME=VALUE",
    help="Header of each message.",
)
@option("-p", "--partition", type=click.IntRange(min=0), help="Chosen by the key, or in turn, if not given.")
@option(
    "-z", "--codec", type=click.Choice([codec.name.lower() for codec in Codec]), default="none", help="Compress with."
)
@option("--acks", type=click.Choice(list(_ACKS)), default="all", help="all: on disk; 1: received; 0: sent.")
@option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=120.0,
    metavar="SECONDS",
    help="For how long delivery is tried.",
)
@format_option
def publish(  # noqa: PLR0913 - the options
    *,
    topic: str,
    file: Path,
    broker: str,
    key_delimiter: str | None,
    headers: Sequence[tuple[str, str]],
    partition: int | None,
    codec: str,
    acks: str,
    timeout: float,
    output_format: str,
) -> None:
    """Publish lines as messages.

    Each line of FILE, or of the standard input, is one. It ends when all are acknowledged. Lines that come slowly
    are published as they come. A topic that does not exist is created if the broker does that.
    """
    delimiter = None if key_delimiter is None else os.fsencode(key_delimiter).replace(rb"\t", b"\t")
    if delimiter == b"":
        raise click.BadParameter("must not be empty", param_hint="--key-delimiter")
    form = _Form(key_delimiter=delimiter, headers=tuple((name, value.encode()) for name, value in headers))

    async def work() -> int:
        producer = Producer(broker, acks=_ACKS[acks], codec=codec, delivery_timeout=timeout)
        with _opened(file) as descriptor, _progress(descriptor) as on_progress:
            async with producer:
                return await _publish(producer, topic, descriptor, form, partition, on_progress)

    count = run(work)
    if output_format == "json":
        print(json.dumps({"topic": topic, "count": count}))
    else:
        print(f"{count} message{'' if count == 1 else 's'} published to {topic}", file=sys.stderr)


async def _publish(
    producer: Producer,
    topic: str,
    descriptor: int,
    form: _Form,
    partition: int | None,
    on_progress: OnProgress,
) -> int:
    """Read on while what was read is published."""
    count = 0
    send, receive = anyio.create_memory_object_stream[list[bytes]](_READ_AHEAD)
    async with anyio.create_task_group() as group, receive:
        group.start_soon(_read_ahead, descriptor, send)
        await producer.publish_many(topic, [])  # where there are no lines, the topic is there all the same
        async for lines in _all_there(receive):
            try:
                published = await producer.publish_many(topic, form.messages(lines), partition=partition)
            except GomqError:
                if count + len(lines) > 1:
                    told = f"the first {count} lines are published, of the {len(lines)} behind them perhaps some"
                    print(f"gomq: {told}", file=sys.stderr)
                raise
            count += published.count
            on_progress(sum(map(len, lines)) + len(lines))
    return count


async def _read_ahead(descriptor: int, send: MemoryObjectSendStream[list[bytes]]) -> None:
    async with send:
        async for lines in read_lines(descriptor):
            await send.send(lines)


async def _all_there(receive: MemoryObjectReceiveStream[list[bytes]]) -> AsyncIterator[list[bytes]]:
    """Yield what was read, put together with what has come since."""
    async for first in receive:
        rest = [receive.receive_nowait() for _ in range(receive.statistics().current_buffer_used)]
        yield list(chain(first, *rest))


@contextmanager
def _opened(file: Path) -> Iterator[int]:
    if str(file) == "-":
        if sys.stdin is None:
            raise GomqError("there is no standard input; name a file")
        yield sys.stdin.fileno()
        return
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _progress(descriptor: int) -> Iterator[OnProgress]:
    """Draw a progress bar where somebody sees it and the end is known."""
    status = os.fstat(descriptor)
    if not (sys.stderr.isatty() and stat.S_ISREG(status.st_mode)):
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415 - only where something is drawn
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn  # noqa: PLC0415

    columns = ("publishing", BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("publishing", total=status.st_size)
        yield lambda count: progress.advance(task, count)
