"""Kafka's messages: the notation that says what they look like, and reading them by it."""

import random
from contextlib import suppress
from itertools import chain
from typing import Any

import pytest
from hypothesis import given, strategies as st

from gomq_dump.decoders.cluster_messages import CLUSTER_MESSAGES
from gomq_dump.decoders.group_messages import GROUP_MESSAGES
from gomq_dump.decoders.java_json import java_double, write_json
from gomq_dump.decoders.quorum_messages import QUORUM_MESSAGES
from gomq_dump.decoders.reading import MessageReader, UnreadableMessageError
from gomq_dump.decoders.schema import LAST_VERSION, Field, Message, read_messages
from gomq_dump.decoders.share_messages import SHARE_GROUP_MESSAGES, SHARE_STATE_MESSAGES
from gomq_dump.decoders.streams_messages import STREAMS_GROUP_MESSAGES
from gomq_dump.decoders.transaction_messages import TRANSACTION_MESSAGES
from tests.support.kafka_messages import make_values, write_message

TABLES = (
    GROUP_MESSAGES,
    SHARE_GROUP_MESSAGES,
    STREAMS_GROUP_MESSAGES,
    SHARE_STATE_MESSAGES,
    TRANSACTION_MESSAGES,
    CLUSTER_MESSAGES,
    QUORUM_MESSAGES,
)
MESSAGES = list(chain.from_iterable(table.values() for table in TABLES))

(SAMPLE,) = read_messages("""
Sample 7 versions 0-3 flexible 2+
    plain int32
    later string? 1+
    once bool 1
    tagged int64 2+ tag 5 = -1
    words []?string
    parts []
        id uuid
        inner {}? 3
            port uint16
""").values()


def test_the_notation_is_read():
    plain, later, once, tagged, words, parts = SAMPLE.fields

    assert (SAMPLE.name, SAMPLE.kind, SAMPLE.first_version, SAMPLE.last_version) == ("Sample", 7, 0, 3)
    assert (SAMPLE.is_flexible(1), SAMPLE.is_flexible(2)) == (False, True)
    assert (plain.type, plain.is_nullable, plain.first_version, plain.last_version) == ("int32", False, 0, LAST_VERSION)
    assert (later.is_nullable, later.first_version) == (True, 1)
    assert [once.is_in(version) for version in (0, 1, 2)] == [False, True, False]
    assert (tagged.tag, tagged.default) == (5, -1)
    assert (words.is_array, words.is_nullable, words.type) == (True, True, "string")
    assert [(field.name, field.type, field.is_nullable) for field in parts.fields] == [
        ("id", "uuid", False),
        ("inner", "{}", True),
    ]
    assert [field.name for field in parts.fields[1].fields] == ["port"]


def all_fields(fields: tuple[Field, ...]) -> list[Field]:
    return [each for field in fields for each in (field, *all_fields(field.fields))]


def test_the_tables_hold_only_what_can_be_read():
    known = {"int8", "int16", "int32", "int64", "uint16", "float64", "bool", "string", "bytes", "uuid", "{}"}

    for message in MESSAGES:
        fields = all_fields(message.fields)
        assert {field.type for field in fields} <= known, message.name
        assert all(bool(field.fields) == (field.type == "{}") for field in fields), message.name
        assert all(field.first_version >= message.first_flexible for field in fields if field.tag is not None)


def without_defaults(fields: tuple[Field, ...], values: dict[str, Any]) -> dict[str, Any]:
    """Leave out what a reader does not show: tagged fields that have their defaults."""
    shown: dict[str, Any] = {}
    for field in fields:
        if field.name not in values:
            continue
        value = values[field.name]
        if field.fields and isinstance(value, list):
            value = [without_defaults(field.fields, each) for each in value]
        elif field.fields and value is not None:
            value = without_defaults(field.fields, value)
        if field.tag is None or value != field.default:
            shown[field.name] = value
    return shown


@given(st.sampled_from([*MESSAGES, SAMPLE]), st.integers(0, 2**32), st.data())
def test_what_is_written_is_read_again(message: Message, seed: int, data: st.DataObject):
    version = data.draw(st.integers(message.first_version, message.last_version))
    values = make_values(message, version, random.Random(seed))

    reader = MessageReader(write_message(message, version, values))
    read = reader.message(message, version)

    assert write_json(read) == write_json(without_defaults(message.fields, values))
    assert reader.left == 0


@given(st.sampled_from([*MESSAGES, SAMPLE]), st.integers(-1, 6), st.integers(0, 2**32), st.integers(0, 7), st.data())
def test_damaged_bytes_are_refused_or_read_and_never_more(
    message: Message, version: int, seed: int, bit: int, data: st.DataObject
):
    known = min(max(version, message.first_version), message.last_version)
    content = bytearray(write_message(message, known, make_values(message, known, random.Random(seed))))
    if content:
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << bit
    end = data.draw(st.integers(0, len(content)))

    with suppress(UnreadableMessageError):
        MessageReader(bytes(content[:end])).message(message, version)


@given(st.binary(max_size=60), st.sampled_from(MESSAGES))
def test_arbitrary_bytes_raise_nothing_else(content: bytes, message: Message):
    with suppress(UnreadableMessageError):
        MessageReader(content).message(message, message.last_version)


def test_a_length_that_promises_more_than_there_is_is_refused_before_anything_is_made():
    promise = (2**31 - 1).to_bytes(4, "big")

    with pytest.raises(UnreadableMessageError, match="collection of size 2147483647, but there are only 0 bytes"):
        MessageReader(bytes(8) + promise).message(TRANSACTION_LOG, 0)


TRANSACTION_LOG = Message(
    name="Part",
    kind=None,
    first_version=0,
    last_version=0,
    first_flexible=1,
    fields=(
        TRANSACTION_MESSAGES["TransactionLogValue"].fields[0],
        GROUP_MESSAGES["ConsumerProtocolSubscription"].fields[0],
    ),
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, None, True, False], "ü": "x"}, '{"a":[1,null,true,false],"ü":"x"}'),
        ('\x00\x1f\n\t\r\b\f"\\/\x7f😀', '"\\u0000\\u001F\\n\\t\\r\\b\\f\\"\\\\/\x7f😀"'),
        ("\\u001f", '"\\\\u001f"'),
        ([], "[]"),
        ({}, "{}"),
        (float("nan"), '"NaN"'),
        (float("-inf"), '"-Infinity"'),
    ],
)
def test_json_is_written_as_kafka_writes_it(value: Any, text: str):
    assert write_json(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (-1.5, "-1.5"),
        (0.001, "0.001"),
        (0.0009, "9.0E-4"),
        (9_999_999.0, "9999999.0"),
        (1e7, "1.0E7"),
        (123_456_789.125, "1.23456789125E8"),
        (-1e-10, "-1.0E-10"),
        (1e300, "1.0E300"),
        (float("inf"), "Infinity"),
        (float("nan"), "NaN"),
    ],
)
def test_doubles_are_written_as_java_writes_them(value: float, text: str):
    assert java_double(value) == text
