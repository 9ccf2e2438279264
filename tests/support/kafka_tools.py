"""Kafka's command line programs in one JVM that starts once: each then takes a fraction of a second, not some.

Not for those that do something when their JVM ends: VerifiableProducer and VerifiableConsumer.
"""

import atexit
import shutil
import subprocess
import threading
from functools import cache
from pathlib import Path
from typing import IO

from tests.support.kafka import Ran, java

_SOURCE = Path(__file__).with_name("KafkaTools.java")


def run_in_one_jvm(main_class: str, *arguments: str, stdin: str = "", timeout: float = 50) -> Ran:
    """Run one of Kafka's programs to its end; it has a new JVM only where the one before had to be killed."""
    return _tools().run((main_class, *arguments), stdin.encode(), timeout)


class _Tools:
    def __init__(self) -> None:
        # The heap has to do for a producer and a consumer at once.
        command = java(str(_SOURCE), heap="512m")
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        atexit.register(self._process.kill)

    def run(self, words: tuple[str, ...], stdin: bytes, timeout: float) -> Ran:
        commands, answers = self._process.stdin, self._process.stdout
        assert commands is not None
        assert answers is not None
        assert not any("\n" in word for word in words)
        lines = [str(len(words)), *words, str(len(stdin))]
        killer = threading.Timer(timeout, self._process.kill)
        killer.start()
        try:
            commands.write("".join(f"{line}\n" for line in lines).encode() + stdin)
            commands.flush()
            return _answer(answers)
        except (BrokenPipeError, ValueError) as error:
            self._process.kill()
            self._process.wait()
            _tools.cache_clear()
            raise TimeoutError(f"{' '.join(words)} did not end within {timeout:g} s, or ended its JVM") from error
        finally:
            killer.cancel()


@cache
def _tools() -> _Tools:
    assert shutil.which("java") is not None
    return _Tools()


def _answer(answers: IO[bytes]) -> Ran:
    code, printed, complained = map(int, answers.readline().split())
    stdout, stderr = answers.read(printed).decode(), answers.read(complained).decode()
    said = [line for line in stderr.splitlines(keepends=True) if not line.startswith("SLF4J")]
    return Ran(stdout, "".join(said), code)
