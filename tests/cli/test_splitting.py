"""Input is cut into messages at its delimiter, wherever the reads were cut."""

import pytest
from hypothesis import given, strategies as st

from gomq.cli.delimiters import parse_delimiter
from gomq.cli.publish import splitting
from gomq.cli.publish.splitting import Splitter
from gomq.errors import GomqError


def split(data: bytes, delimiter: bytes | None, sizes: list[int]) -> list[bytes]:
    splitter = Splitter(delimiter)
    found: list[bytes] = []
    for size in sizes:
        found += splitter.feed(data[:size])
        data = data[size:]
    return found + splitter.feed(data) + splitter.finish()


@given(
    st.text("ab\n", max_size=40).map(str.encode),
    st.sampled_from([b"\n", b"a", b"ab", b"aa", b"\n\n", b"aba"]),
    st.lists(st.integers(0, 5), max_size=30),
)
def test_any_split_of_the_input_gives_the_same_messages(data: bytes, delimiter: bytes, sizes: list[int]):
    wanted = data.split(delimiter)
    if not wanted[-1]:
        wanted.pop()

    assert split(data, delimiter, sizes) == wanted


@given(st.binary(max_size=20), st.lists(st.integers(0, 5), max_size=10))
def test_without_a_delimiter_all_of_it_is_one_message(data: bytes, sizes: list[int]):
    assert split(data, None, sizes) == [data]


@pytest.mark.parametrize("delimiter", [b"\n", b"\r\n", None])
def test_a_delimiter_that_never_comes_does_not_fill_the_memory(
    delimiter: bytes | None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(splitting, "MAX_MESSAGE_BYTES", 1000)
    splitter = Splitter(delimiter)
    assert splitter.feed(b"x" * 900) == []

    with pytest.raises(GomqError, match="has more than 1000 bytes; no message may"):
        splitter.feed(b"x" * 101)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (r"\t", b"\t"),
        (r"\n", b"\n"),
        (r"\0", b"\0"),
        (r"\x1f\x00", b"\x1f\0"),
        (r"\\t", rb"\t"),
        ("::", b"::"),
        ("\udcff", b"\xff"),
        ("ü", "ü".encode()),
    ],
)
def test_delimiters_are_written_with_escapes(text: str, meant: bytes):
    assert parse_delimiter(text) == meant


@pytest.mark.parametrize(
    ("text", "told"), [("", "not be empty"), (r"\q", r"\\q; there are"), (r"\x1", r"\\x"), ("\\", "no escape")]
)
def test_an_escape_that_there_is_not_is_told_with_those_there_are(text: str, told: str):
    with pytest.raises(ValueError, match=told):
        parse_delimiter(text)
