"""``gomq serve``: run the broker until it is told to stop."""

import os
import resource
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import anyio
import click

from gomq.broker import Broker, BrokerConfig, FlushMode
from gomq.broker.config import MAX_PARTITIONS
from gomq.cli.logs import LogFormat, configure_logging
from gomq.cli.options import address, backend_option, option, run


@click.command()
@option("--data", type=click.Path(path_type=Path), default="gomq-data", help="Data directory; made if missing.")
@option(
    "--listen",
    default="127.0.0.1:9092",
    callback=address,
    metavar="HOST:PORT",
    help="Where to listen; port 0 takes any free one.",
)
@option(
    "--flush",
    type=click.Choice([mode.value for mode in FlushMode]),
    default=FlushMode.ALWAYS.value,
    help="When messages are made to survive a power cut: before they are acknowledged, now and then, or whenever the "
    "system pleases. They survive the end of the broker's process in any case.",
)
@option(
    "--flush-interval",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    metavar="SECONDS",
    help="Time between flushes with --flush interval.",
)
@option(
    "--partitions",
    type=click.IntRange(1, MAX_PARTITIONS),
    default=1,
    help="Of a topic that is created without a number.",
)
@option(
    "--auto-create/--no-auto-create",
    default=True,
    help="Whether a topic is created when a producer publishes to one that does not exist.",
)
@backend_option
@option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", help="Of stderr.")
@option(
    "--log-format",
    type=click.Choice(["auto", "console", "json"]),
    default="auto",
    help="auto: console on a terminal, else JSON lines.",
)
def serve(  # noqa: PLR0913 - the options
    *,
    data: Path,
    listen: str,
    flush: str,
    flush_interval: float,
    partitions: int,
    auto_create: bool,
    backend: str,
    log_level: str,
    log_format: LogFormat,
) -> None:
    """Run a broker until SIGTERM or Ctrl-C.

    Once it serves, one line on stdout says where: BROKERS=127.0.0.1:9092. A second signal ends it at once, without
    the tidying up.
    """
    _raise_descriptor_limit()
    configure_logging(level=log_level, log_format=log_format)
    config = BrokerConfig(
        data=data,
        listen=listen,
        flush=FlushMode(flush),
        flush_interval=flush_interval,
        default_partitions=partitions,
        auto_create_topics=auto_create,
    )
    run(lambda: _serve(config), backend=backend)


def _raise_descriptor_limit() -> None:
    """Take as many file descriptors as the system gives: half of them are for logs, each connection takes one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _serve(config: BrokerConfig) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with anyio.create_task_group() as group:
            stop = anyio.Event()
            group.start_soon(_watch, signals, stop)
            async with Broker(config=config) as broker:
                print(f"BROKERS={broker.address}", flush=True)
                await stop.wait()
            group.cancel_scope.cancel()


async def _watch(signals: AsyncIterator[signal.Signals], stop: anyio.Event) -> None:
    async for number in signals:
        if stop.is_set():
            sys.stderr.flush()
            os._exit(128 + number)  # somebody has lost patience
        stop.set()
