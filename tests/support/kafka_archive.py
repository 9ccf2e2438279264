"""Make the archive of Kafka's classes that lets its programs start in half of the time: what ``make test`` runs.

A Kafka runs once, with a message or two, and writes down the classes it has loaded when it stops (Java's class data
sharing). Without the archive everything works as well.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from confluent_kafka import Producer

from tests.support.kafka import ARCHIVE, JARS
from tests.support.kafka_lives import KafkaLives


def main() -> None:
    """Make it, if it is not there or older than the jars; say why where that fails."""
    fetched = JARS / "fetched-pom.xml"
    if shutil.which("java") is None or not fetched.exists():
        return
    if ARCHIVE.exists():
        if ARCHIVE.stat().st_mtime > fetched.stat().st_mtime:
            return
        ARCHIVE.unlink()
    print("interop-kafka: making an archive of Kafka's classes")
    part = ARCHIVE.with_name(f"classes.{os.getpid()}.part")
    try:
        with tempfile.TemporaryDirectory() as directory:
            _run(Path(directory), part)
        part.replace(ARCHIVE)
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        print(f"interop-kafka: no archive of Kafka's classes, the tests take longer: {error}")
        part.unlink(missing_ok=True)


def _run(directory: Path, archive: Path) -> None:
    with KafkaLives(directory).life(f"-XX:ArchiveClassesAtExit={archive}") as kafka:
        producer = Producer({"bootstrap.servers": kafka.address, "log_level": 0})
        producer.produce("warm-up", b"message")
        producer.flush(20)
        del producer  # else it goes on looking for Kafka


if __name__ == "__main__":
    main()
