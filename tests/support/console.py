"""Sessions at a terminal, as the pages show them: run again, what they print has to be what stands there.

A block in the language ``console`` is one. What follows ``$ `` was typed, a line that ends with a backslash goes on in
the next one, and what is between two such was printed, by whichever stream. What differs from run to run (times,
checksums, ids, ports) only has to be of the same kind; a line of three dots stands for any lines. A block in Python
whose first line is a comment with a file's name is that file.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack, chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Final, NamedTuple

import pytest

import gomq_dump.cli
from gomq.cli.main import main as gomq_main
from tests.support.brokers import broker_in_thread
from tests.support.pages import blocks

_VARIES = (
    (r"\b1[6-9]\d{11}\b", "MILLISECONDS"),
    (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|\+00:00)?", "TIME"),
    (r"\b\d{8}T\d{6}\.\d{3}Z", "TIME"),
    (r"\bcrc: \d+", "crc: NUMBER"),
    (r"\b0x[0-9a-f]{8}\b", "CRC"),
    (r"\b127\.0\.0\.1:\d+", "ADDRESS"),
    (r"\d+\.\d+ (s|MB|GB/s|GB)\b", r"NUMBER \1"),
    (r"\b\d+ (files|bytes|batches)\b", r"NUMBER \1"),  # the broker's own topics have part in it
    (r"\b[A-Za-z0-9_-]{22}\b", "ID"),
    (r" {2,}", "  "),
    (r"-{3,}", "---"),
)
_PROGRAMS: Final[Mapping[str, Callable[[list[str]], int]]] = {"gomq": gomq_main, "gomq-dump": gomq_dump.cli.main}
_ANYTHING = "..."
_COMMAND_SECONDS = 30
_AS_WHERE_GOMQ_IS_USED = "import sys; sys.modules['hypothesis'] = None\n"
"""Where Hypothesis is installed kio imports it, which is half of a start."""


class Step(NamedTuple):
    """A command and what it printed."""

    command: str
    printed: str


class Session:
    """A shell in a directory in which programs are.

    Args:
        directory: an empty directory.
        programs: what is in its files, by name; they talk to the broker that is started in the session.
        brokers: what ends the brokers.
    """

    def __init__(self, directory: Path, programs: dict[str, str], brokers: ExitStack) -> None:
        self._directory = directory
        self._programs = programs
        self._brokers = brokers
        self._addresses: dict[str, str] = {}
        self._environment = {name: text for name, text in os.environ.items() if not name.startswith("GOMQ_")}
        self._environment["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        site = directory.with_name(f"{directory.name}.site")
        site.mkdir()
        (site / "sitecustomize.py").write_text(_AS_WHERE_GOMQ_IS_USED)
        self._environment["PYTHONPATH"] = str(site)
        self._environment["PYTHONUNBUFFERED"] = "1"  # as on a terminal

    def run(self, step: Step) -> None:
        """Run a command as it stands; it must print what stands there."""
        command = self._at_our_brokers(step.command)
        if served := re.fullmatch(r"gomq serve --data (\w+)( [^&]*)?&", step.command):
            printed = self._serve(served[1], step.printed.strip().removeprefix("BROKERS="))
        elif words := _words_of_ours(command):
            printed = self._run_here(words)
        else:
            printed = self._type(command)
        expected, found = generalised(step.printed), generalised(printed)
        if not _matches(expected, found):
            assert found == expected, f"$ {step.command}\n{printed}"

    def _serve(self, data: str, shown: str) -> str:
        """Start a broker at a free port, in the place of the address that the page shows."""
        broker = self._brokers.enter_context(broker_in_thread(self._directory / data))
        self._addresses[shown] = self._addresses[shown.replace("127.0.0.1", "localhost")] = broker.address
        self._environment.setdefault("GOMQ_BROKER", broker.address)
        for name, program in self._programs.items():
            (self._directory / name).write_text(self._at_our_brokers(program))
        return f"BROKERS={broker.address}\n"

    def _at_our_brokers(self, text: str) -> str:
        for shown, address in self._addresses.items():
            text = text.replace(shown, address)
        return text

    def _run_here(self, words: list[str]) -> str:
        """Run one of our commands within this process, where it need not be imported each time."""
        printed = self._directory.with_name(f"{self._directory.name}.printed")
        printed.unlink(missing_ok=True)
        with (
            printed.open("a", buffering=1) as out,  # as on a terminal
            printed.open("a", buffering=1) as err,
            pytest.MonkeyPatch.context() as patch,
            chdir(self._directory),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            for name in os.environ.keys() - self._environment.keys():
                patch.delenv(name)
            if broker := self._environment.get("GOMQ_BROKER"):
                patch.setenv("GOMQ_BROKER", broker)
            _PROGRAMS[words[0]](words[1:])
        return printed.read_text()

    def _type(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self._directory,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
        return done.stdout


def replay(text: str, directory: Path) -> None:
    """Run all sessions of a page, one after the other, in an empty directory."""
    with ExitStack() as brokers:
        session = Session(directory, _programs(text), brokers)
        for step in steps(text):
            session.run(step)


def steps(text: str) -> list[Step]:
    """Read all sessions of a page, one after the other."""
    found: list[Step] = []
    for block in blocks(text, "console"):
        for typed in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, printed = re.fullmatch(r"((?:[^\n]*\\\n)*[^\n]*\n)(.*)", typed, re.DOTALL).groups()  # type: ignore[union-attr]
            found.append(Step(command.strip(), printed))
    return found


def _words_of_ours(command: str) -> list[str]:
    """Take a command apart that is one of ours and nothing else; none if it takes a shell."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words = list(lexer)
    return words if words[0] in _PROGRAMS and not any(set(word) <= set("|&;<>()") for word in words) else []


def _programs(text: str) -> dict[str, str]:
    return {named[1]: block for block in blocks(text, "python") if (named := re.match(r"# (\w+\.py)\n", block))}


def generalised(printed: str) -> list[str]:
    """Write what varies as what it is, line by line."""
    for pattern, kind in _VARIES:
        printed = re.sub(pattern, kind, printed)
    return [line.rstrip() for line in printed.splitlines()]


def _matches(expected: list[str], found: list[str]) -> bool:
    """Compare lines, where three dots stand for any number of them."""
    parts = [re.escape(line) + "\n" if line != _ANYTHING else "(?:.*\n)*" for line in expected]
    return re.fullmatch("".join(parts), "".join(line + "\n" for line in found)) is not None
