"""``gomq subscribe``: messages of a topic on stdout, from the first one or from now on."""

import json
import sys
from collections.abc import Callable, Iterable
from typing import Any

import click

from gomq.cli.options import broker_option, format_option, option, run, utf8
from gomq.client import Consumer, Message
from gomq_dump.render_json import put_bytes

Render = Callable[[Iterable[Message]], bytes]


@click.command()
@click.argument("topic", callback=utf8)
@broker_option
@option("--replay", is_flag=True, help="Begin with the first message kept, not with those published from now on.")
@option(
    "--exit",
    "exit_at_end",
    envvar="GOMQ_SUBSCRIBE_EXIT",
    is_flag=True,
    help="End where the topic ended when it was opened; else wait for more.",
)
@option("--count", type=click.IntRange(min=1), metavar="N", help="End after so many messages.")
@format_option
def subscribe(
    *, topic: str, broker: str, replay: bool, exit_at_end: bool, count: int | None, output_format: str
) -> None:
    """Print a topic's messages.

    Of each its value and a newline, or with --format json one object a line. In JSON, keys, values and headers are
    text where they are UTF-8; bytes that are not are in fields named ..._base64, as gomq-dump has them. Within a
    partition messages come in their order.
    """
    render = _as_json if output_format == "json" else _as_text
    run(lambda: _subscribe(Consumer(broker, topic, replay=replay), render, exit_at_end=exit_at_end, count=count))


async def _subscribe(consumer: Consumer, render: Render, *, exit_at_end: bool, count: int | None) -> None:
    out = sys.stdout.buffer
    async with consumer:
        until = await consumer.end_offsets() if exit_at_end else None
        async for batch in consumer.batches(until=until):
            messages = batch.messages[:count]
            out.write(render(messages))
            out.flush()
            if count is not None:
                count -= len(messages)
                if not count:
                    return


def _as_text(messages: Iterable[Message]) -> bytes:
    return b"".join([b"%b\n" % (message.value or b"") for message in messages])


def _as_json(messages: Iterable[Message]) -> bytes:
    return b"".join([json.dumps(_fields(message), ensure_ascii=False).encode() + b"\n" for message in messages])


def _fields(message: Message) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "topic": message.topic,
        "partition": message.partition,
        "offset": message.offset,
        "timestamp": message.timestamp,
    }
    put_bytes(fields, "key", message.key)
    put_bytes(fields, "value", message.value)
    headers = fields["headers"] = []
    for name, value in message.headers:
        entry: dict[str, Any] = {"name": name}
        put_bytes(entry, "value", value)
        headers.append(entry)
    return fields
