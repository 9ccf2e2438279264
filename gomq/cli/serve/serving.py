"""Running a broker in this process: from its settings to the signal that stops it."""

import gc
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

import anyio

from gomq.broker import Broker
from gomq.broker.logs import get_logger
from gomq.cli.config.process_settings import BACKEND, LOG_FORMAT, LOG_LEVEL
from gomq.cli.config.setting_options import Sources
from gomq.cli.config.sources import Effective
from gomq.cli.options import run
from gomq.cli.serve.logs import configure_logging
from gomq.cli.serve.reloading import Reloading

_log = get_logger("gomq.broker")


def serve_until_told(sources: Sources, effective: Effective) -> None:
    """Run a broker until a signal says to stop.

    Args:
        sources: where the settings come from; where there is a file, SIGHUP has it read again.
        effective: what they are now.

    Raises:
        GomqError: it cannot be started; the message says why.
    """
    config = effective.broker_config()
    _raise_descriptor_limit()
    configure_logging(level=effective.process(LOG_LEVEL), log_format=effective.process(LOG_FORMAT))

    async def work() -> None:
        broker = Broker(config=config)
        reloading = Reloading(broker, sources, effective) if sources.file is not None else None
        await _serve(broker, reloading)

    run(work, backend=effective.process(BACKEND))


def _raise_descriptor_limit() -> None:
    """Take as many file descriptors as the system gives: half of them are for logs, each connection takes one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _serve(broker: Broker, reloading: Reloading | None) -> None:
    with anyio.open_signal_receiver(*_signals(is_reloading=reloading is not None)) as signals:
        async with anyio.create_task_group() as group:
            stop, is_up = anyio.Event(), anyio.Event()
            group.start_soon(_watch, signals, stop, is_up, reloading)
            async with broker:
                is_up.set()
                print(f"BROKERS={','.join(broker.client_addresses)}", flush=True)
                if broker.metrics_address is not None:
                    print(f"METRICS={broker.metrics_address}", flush=True)
                gc.freeze()  # what is here now stays: looking through all of it again would make clients wait
                await stop.wait()
            group.cancel_scope.cancel()


def _signals(*, is_reloading: bool) -> Sequence[signal.Signals]:
    """Say which signals to take; ``nohup`` has SIGHUP ignored, and so it is where nothing is to be read again."""
    is_ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN and not is_reloading
    return signal.SIGTERM, signal.SIGINT, *(() if is_ignored else (signal.SIGHUP,))


async def _watch(
    signals: AsyncIterator[signal.Signals], stop: anyio.Event, is_up: anyio.Event, reloading: Reloading | None
) -> None:
    """Stop at a signal; SIGHUP has the file read again where there is one, and else says that the terminal is gone."""
    async for number in signals:
        if number == signal.SIGHUP and reloading is not None:
            await reloading.reload()
            continue
        if stop.is_set() or not is_up.is_set():
            # somebody has lost patience, or logs are being recovered, which the next start begins anew
            sys.stderr.flush()
            os._exit(128 + number)
        _log.info("broker.stopping", signal=signal.Signals(number).name)
        stop.set()
