"""Format strings: kcat's letters, rpk's braces, and what is said of those that mean nothing."""

import re

import pytest
from hypothesis import given, strategies as st

from gomq_dump.format_string import FormatString, FormatStringError, FormattedRecord

TIME = 1_767_225_600_250
RECORD = FormattedRecord(
    "orders", 3, 42, TIME, b"k\xff", b"value", (("trace", b"a1"), ("none", None), ("trace", b"a2"))
)
BARE = FormattedRecord("", -1, 7, -1, None, None, ())


@pytest.mark.parametrize(
    ("text", "written", "written_of_nulls"),
    [
        ("%t/%p@%o", b"orders/3@42", b"/-1@7"),
        ("%k %K", b"k\xff 2", b" -1"),
        ("%s %S", b"value 5", b" -1"),
        ("%R%s", b"\0\0\0\x05value", b"\xff\xff\xff\xff"),
        ("%T", b"1767225600250", b"-1"),
        ("%h", b"trace=a1,none=NULL,trace=a2", b""),
        ("100%% %{%}", b"100% {}", b"100% {}"),
        (r"a\n\r\t\\\x00\xfFz", b"a\n\r\t\\\0\xffz", b"a\n\r\t\\\0\xffz"),
        ("%k{hex}", b"6bff", b""),
        ("%s{base64}", b"dmFsdWU=", b""),
        ("%T{%Y-%m-%dT%H:%M:%S.%f}", b"2026-01-01T00:00:00.250000", b"-1"),
        ("%o{%p}", b"42{3}", b"7{-1}"),
        ("", b"", b""),
        ("größe", "größe".encode(), "größe".encode()),
        ('{"value": "%s"}', b'{"value": "value"}', b'{"value": ""}'),
    ],
)
def test_letters_braces_and_escapes(text: str, written: bytes, written_of_nulls: bytes):
    assert FormatString.parse(text).render(RECORD) == written
    assert FormatString.parse(text).render(BARE) == written_of_nulls


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("%o %q", r"format string '%o %q': there is no %q; there are %t %p %o %T %k %K %s %S %R %h %%, escapes \n"),
        ("%", "there is no %; there are %t"),
        (r"\q", r"there is no escape \q; there are \n \r \t \\ \xNN"),
        (r"\xg0", r"there is no escape \x; there are"),
        ("\\", "there is no escape \\; there are"),
        ("%k{json}", "there is no %k{json}; there are %k{hex}, %k{base64}; write %{ for the character"),
        ("%s{hex", "a { has no }; write %{ for the character"),
        ("%T{%H\udcff}", "what is in the braces of %T is no UTF-8 text"),
    ],
)
def test_what_means_nothing_is_named_with_what_there_is(text: str, message: str):
    with pytest.raises(FormatStringError, match=re.escape(message)):
        FormatString.parse(text)


def test_names_of_headers_that_are_no_text_are_written_as_java_shows_them():
    record = RECORD._replace(headers=(("ü", b"\xff"), ("a\udcff\udcc3", None)))

    assert FormatString.parse("%h").render(record) == "ü=".encode() + b"\xff," + "a\ufffd\ufffd=NULL".encode()


def test_bytes_of_the_command_line_that_are_no_text_come_out_as_they_went_in():
    assert FormatString.parse(b"\xff%o".decode(errors="surrogateescape")).render(RECORD) == b"\xff42"


def test_a_time_beyond_any_calendar_is_written_as_a_number():
    assert FormatString.parse("%T{%Y}").render(RECORD._replace(timestamp=2**63 - 1)) == b"9223372036854775807"


_bytes = st.none() | st.binary(max_size=8)
_records = st.builds(
    FormattedRecord,
    st.just("orders"),
    st.just(3),
    st.integers(0, 2**63 - 1),
    st.integers(-1, 2**63 - 1),
    _bytes,
    _bytes,
    st.lists(st.tuples(st.text(max_size=4), _bytes), max_size=2),
)
_pieces = st.sampled_from([*("%" + letter for letter in "tpokKsSRTh%{}"), "%k{hex}", "%s{base64}", "%T{%H}", "x", "%"])


@given(st.lists(_records, min_size=1, max_size=5), st.lists(_pieces, max_size=6))
def test_many_records_at_once_are_written_as_one_by_one(records: list[FormattedRecord], pieces: list[str]):
    try:
        form = FormatString.parse("".join(pieces))
    except FormatStringError:
        return
    columns = [list(column) for column in list(zip(*records, strict=True))[2:]]

    assert list(form.render_columns("orders", 3, columns)) == [form.render(record) for record in records]


@given(st.text())
def test_any_text_is_understood_or_refused(text: str):
    try:
        FormatString.parse(text).render(RECORD)
    except FormatStringError:
        return
