"""Clients of other languages, which `make interop-clients` fetches: run one, and read what it found, as JSON."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.kafka import REPOSITORY

SECONDS = 25
_KAFKAJS = REPOSITORY / ".interop" / "kafkajs" / "node_modules"
_KAFKAJS_PROGRAM = REPOSITORY / "tests" / "interop" / "kafkajs" / "interop.js"
_FRANZ_GO = REPOSITORY / ".interop" / "franz-go" / "interop"


def kafkajs(work: str, address: str, topic: str, *arguments: int) -> Any:
    """Have KafkaJS do some work with a broker."""
    return _run("node", _KAFKAJS_PROGRAM, work, address, topic, *arguments, NODE_PATH=str(_KAFKAJS))


def franz_go(work: str, address: str, topic: str, *arguments: int) -> Any:
    """Have franz-go do some work with a broker."""
    return _run(_FRANZ_GO, work, address, topic, *arguments)


def require_kafkajs() -> None:
    """Skip the test where there is no Node.js, or no KafkaJS."""
    if shutil.which("node") is None:
        pytest.skip("no node on this machine")
    if not (_KAFKAJS / "kafkajs").is_dir():
        pytest.skip("no KafkaJS: `make interop-clients` did not or could not fetch it")


def require_franz_go() -> None:
    """Skip the test where franz-go was not built."""
    if not _FRANZ_GO.exists():
        pytest.skip("no franz-go: `make interop-clients` did not or could not build it")


def _run(program: str | Path, *arguments: str | int | Path, **environment: str) -> Any:
    command = [str(word) for word in (program, *arguments)]
    settings = {**os.environ, "KAFKAJS_NO_PARTITIONER_WARNING": "1", **environment}
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False, env=settings)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)
