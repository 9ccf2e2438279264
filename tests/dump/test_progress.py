"""A bar where somebody sees it, and nothing elsewhere."""

import os
import pty
import subprocess
import sys

import pytest

from gomq_dump.progress import progress

PROGRAM = """
import sys
from gomq_dump.progress import progress
with progress("counting [b] {0}", None if sys.argv[1] == "none" else int(sys.argv[1]), unit=sys.argv[2]) as advance:
    for _ in range(5):
        advance(200)
print(*sorted({"rich"} & set(sys.modules)))
"""


def drawn(*arguments: str) -> tuple[bytes, bytes]:
    """Run a program whose stderr is a terminal; return what it drew there, and what it printed."""
    terminal, stderr = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *arguments],
            stdout=subprocess.PIPE, stderr=stderr, check=True, timeout=30,
            env=os.environ | {"TERM": "xterm", "COLUMNS": "100"},
        )  # fmt: skip
        os.write(stderr, b"end\n")
        seen = b""
        while b"end" not in seen:
            seen += os.read(terminal, 1 << 16)
        return seen, done.stdout
    finally:
        os.close(terminal)
        os.close(stderr)


def test_a_bar_is_drawn_on_a_terminal_and_is_gone_at_the_end():
    seen, printed = drawn("1000", "messages")

    assert b"counting [b] {0}" in seen
    assert b"1000/1000" in seen
    assert b"\x1b[2K" in seen  # the line is cleared
    assert printed == b"rich\n"


def test_bytes_are_counted_as_such():
    assert b"1.0/1.0" in drawn("1000", "bytes")[0]


def test_nothing_is_drawn_where_the_end_is_not_known():
    seen, printed = drawn("none", "bytes")

    assert seen.strip() == b"end"
    assert printed == b"\n"


def test_nothing_is_drawn_elsewhere(capsys: pytest.CaptureFixture[str]):
    with progress("counting", 10) as advance:
        advance(10)

    assert capsys.readouterr() == ("", "")
