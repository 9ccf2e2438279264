"""The options that select: what they come to, and which of them cannot go together."""

import argparse
import re

import pytest

from gomq_dump.selecting.selection import MAX_OFFSET, Selection, SelectionError, add_arguments, selection_of

NOW = 1_767_225_600_000


def selected(*words: str) -> Selection:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return selection_of(parser.parse_args(words), NOW)


def test_nothing_said_selects_all():
    assert selected().is_all
    assert not selected("--limit", "1").is_all


def test_what_is_said_is_understood():
    selection = selected(
        *("--from-offset", "5", "--to-offset", "9", "--since", "1h", "--until", "@1767225600001"),
        *("--key", "a", "--key", "ü", "--grep", "x+", "--limit", "3", "--tail", "4"),
    )

    assert selection == Selection(
        from_offset=5,
        to_offset=9,
        since_ms=NOW - 3_600_000,
        until_ms=NOW + 1,
        keys=frozenset({b"a", "ü".encode()}),
        pattern=re.compile(b"x+"),
        limit=3,
        tail=4,
    )
    assert selected().to_offset == MAX_OFFSET


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--from-offset 5 --to-offset 5", "must be above --from-offset"),
        ("--since 1h --until 2h", "must be after --since"),
        ("--follow --until now", "--follow and --until"),
        ("--at-position 0 --limit 1", "--at-position names one batch already"),
        ("--at-position 0 --follow", "--at-position names one batch already"),
        ("--since yesterday", "--since: 'yesterday' is no moment; write 2026-11-26T10:00:00Z"),
        ("--grep (", "--grep: '(' is no regular expression of Python's: "),
    ],
)
def test_what_makes_no_sense_is_refused_and_says_why(words: str, message: str):
    with pytest.raises(SelectionError, match=re.escape(message)):
        selected(*words.split())


@pytest.mark.parametrize("text", ["-1", "1.5", "x", "", "9223372036854775808", "٣", "1" * 5000])
def test_numbers_are_checked(text: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        selected(f"--from-offset={text}")
    assert "is not an offset: write a number from 0 to 9223372036854775807" in capsys.readouterr().err
