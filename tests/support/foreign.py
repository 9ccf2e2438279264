"""Clients of other languages, which `make interop-clients` fetches: run one, and read what it found, as JSON."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.kafka import REPOSITORY

SECONDS = 50
_KAFKAJS = REPOSITORY / ".interop" / "kafkajs" / "node_modules"
_KAFKAJS_PROGRAM = REPOSITORY / "tests" / "interop" / "kafkajs" / "interop.js"
_FRANZ_GO = REPOSITORY / ".interop" / "franz-go" / "interop"
_SARAMA = REPOSITORY / ".interop" / "sarama" / "interop"
_OLDEST = REPOSITORY / ".interop" / "kafka" / "oldest"
_OLDEST_PROGRAM = REPOSITORY / "tests" / "support" / "OldestClient.java"


def kafkajs(work: str, address: str, topic: str, *arguments: int) -> Any:
    """Have KafkaJS do some work with a broker."""
    return _run("node", _KAFKAJS_PROGRAM, work, address, topic, *arguments, NODE_PATH=str(_KAFKAJS))


def franz_go(work: str, address: str, topic: str, *arguments: int) -> Any:
    """Have franz-go do some work with a broker."""
    return _run(_FRANZ_GO, work, address, topic, *arguments)


def sarama(work: str, address: str, topic: str, version: str, *arguments: int) -> Any:
    """Have Sarama do some work with a broker that it takes for a Kafka of some version."""
    return _run(_SARAMA, work, address, topic, version, *arguments)


def oldest_client(address: str, topic: str, count: int) -> list[str]:
    """Have Kafka 2.1's Java client do all its work with a broker, and return the lines that it printed."""
    command = ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{_OLDEST}/*", str(_OLDEST_PROGRAM), address, topic]
    done = subprocess.run([*command, str(count)], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


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


def require_sarama() -> None:
    """Skip the test where Sarama was not built."""
    if not _SARAMA.exists():
        pytest.skip("no Sarama: `make interop-clients` did not or could not build it")


def require_oldest_client() -> None:
    """Skip the test where there is no Java, or no client of Kafka 2.1."""
    if shutil.which("java") is None:
        pytest.skip("no java on this machine")
    if not any(_OLDEST.glob("kafka-clients-*.jar")):
        pytest.skip("no client of Kafka 2.1: `make interop-kafka` did not or could not fetch it")


def _run(program: str | Path, *arguments: str | int | Path, **environment: str) -> Any:
    command = [str(word) for word in (program, *arguments)]
    settings = {**os.environ, "KAFKAJS_NO_PARTITIONER_WARNING": "1", **environment}
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False, env=settings)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)
