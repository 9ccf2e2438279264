"""A broker with settings that ``gomq serve`` has no options for: ``python -m benchmarks.storage_broker``.

Its log, on stderr, has one line for each event: seconds since the epoch, the event, the partition.
"""

import logging
import resource
import signal
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Final

import anyio

from benchmarks.processes import BrokerSpec
from gomq import Broker, BrokerConfig, FlushMode

COMPACTED: Final = "partition.compacted"
"""The event of a compaction that was done."""
_KEY_MAP_BYTES: Final = 256 << 20
"""Twice the default, for a million keys at once."""


def storage_broker(name: str, data: Path, *, flush: str = "never", descriptors: int = 0) -> BrokerSpec:
    """Return a broker that looks for something to compact ten times a second.

    Args:
        name: what to call it.
        data: its directory, the same at every start.
        flush: ``never`` or ``always``.
        descriptors: how many files it may have open; 0 for what the system gives.
    """
    options = ("--data", str(data), "--listen", "127.0.0.1:{port}", "--flush", flush, "--descriptors", str(descriptors))
    return BrokerSpec(name=name, command=(sys.executable, "-m", "benchmarks.storage_broker", *options))


def main() -> None:
    """Run it until SIGTERM."""
    arguments = _parse()
    if arguments.descriptors:
        resource.setrlimit(resource.RLIMIT_NOFILE, (arguments.descriptors, arguments.descriptors))
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(created).3f %(message)s %(partition)s", defaults={"partition": "-"}))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    config = BrokerConfig(
        data=arguments.data,
        listen=arguments.listen,
        flush=FlushMode(arguments.flush),
        compaction_interval=0.1,
        compaction_memory_bytes=_KEY_MAP_BYTES,
    )
    anyio.run(_serve, config)


def _parse() -> Namespace:
    parser = ArgumentParser(prog="python -m benchmarks.storage_broker")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--listen", required=True)
    parser.add_argument("--flush", choices=[mode.value for mode in FlushMode], required=True)
    parser.add_argument("--descriptors", type=int, default=0)
    return parser.parse_args()


async def _serve(config: BrokerConfig) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM) as signals:
        async with Broker(config=config):
            async for _ in signals:
                return


if __name__ == "__main__":
    main()
