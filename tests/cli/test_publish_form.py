"""How lines become messages, and that JSON is the same both ways."""

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from gomq.cli.publish.form import Common, Lines, Objects
from gomq.cli.subscribe.output import as_json
from gomq.client import Batch, NewMessage
from gomq_storage.record_fields import Columns, decode_name

datas = st.none() | st.binary(max_size=12) | st.text(max_size=12).map(str.encode)
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=5) | st.binary(max_size=5).map(decode_name)
records = st.tuples(
    st.integers(0, 1 << 62),
    st.integers(-1, 1 << 62),
    datas,
    datas,
    st.lists(st.tuples(names, datas), max_size=3).map(tuple),
)


def batch_of(rows: list[Any], *, topic: str = "orders", partition: int = 3) -> Batch:
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], [], [], []]
    return Batch(topic, partition, Columns(*columns))


@given(st.lists(records, max_size=5))
def test_what_subscribe_prints_publish_makes_the_same_messages_of(rows: list[Any]):
    lines = as_json(batch_of(rows)).split(b"\n")[:-1]

    made = Objects(common=Common()).make(lines)

    assert made.problem is None
    assert made.messages == [
        NewMessage(value, key, headers, 3, timestamp) for _, timestamp, key, value, headers in rows
    ]
    assert made.sources == list(range(len(rows)))


@given(st.lists(records, min_size=1, max_size=3))
def test_each_line_is_what_the_json_module_reads(rows: list[Any]):
    topic = 'a"b\\ü'
    found = [json.loads(line) for line in as_json(batch_of(rows, topic=topic)).split(b"\n")[:-1]]

    assert [(each["topic"], each["partition"], each["offset"], each["timestamp"]) for each in found] == [
        (topic, 3, offset, timestamp) for offset, timestamp, *_ in rows
    ]


def test_records_of_gomq_dump_are_taken_and_whatever_else_it_prints_is_passed_over():
    lines = [
        b'{"type":"file","path":"x"}',
        b'{"type":"batch","position":0}',
        b'{"type":"record","offset":1,"timestamp":5,"timestamp_type":"CreateTime","key":null,"value":"v","headers":[]}',
        b'{"type":"record","offset":2,"timestamp":5,"key":"x","value":"y","control":{"kind":"COMMIT"}}',
        b"",
        b'{"value":null,"key":"k","headers":{"a":"1"}}',
    ]

    made = Objects(common=Common()).make(lines)

    assert made.messages == [NewMessage(b"v", None, (), None, 5), NewMessage(None, b"k", (("a", b"1"),), None, None)]
    assert made.sources == [2, 5]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"nope", "it is no JSON"),
        (b"\xff", "it is no JSON"),
        (b"[" * 100_000, "it is no JSON"),
        (b"[1]", "no JSON object"),
        (b"{}", 'neither "value" nor "value_base64"'),
        (b'{"value":1}', '"value" is no text'),
        (b'{"value_base64":"!"}', '"value_base64" is no base64'),
        (b'{"value_base64":7}', '"value_base64" is no base64'),
        (b'{"value":"\\ud800"}', "half of a character"),
        (b'{"value":"x","key":{}}', '"key" is no text'),
        (b'{"value":"x","partition":"0"}', '"partition" is a whole number'),
        (b'{"value":"x","partition":-1}', '"partition" is a whole number'),
        (b'{"value":"x","timestamp":1.5}', '"timestamp" is a whole number'),
        (b'{"value":"x","timestamp":true}', '"timestamp" is a whole number'),
        (b'{"value":"x","headers":"a"}', '"headers" is a list'),
        (b'{"value":"x","headers":["a"]}', '"headers" is a list'),
        (b'{"value":"x","headers":[{"name":1}]}', '"headers" is a list'),
        (b'{"value":"x","headers":[{"name_base64":null}]}', '"headers" is a list'),
        (b'{"value":"x","headers":[{"name_base64":"/"}]}', '"name_base64" is no base64'),
        (b'{"value":"x","headers":[{"name":"\\udc00"}]}', "half of a character"),
    ],
)
def test_a_line_that_is_no_message_is_told_behind_those_that_are(line: bytes, told: str):
    made = Objects(common=Common()).make([b'{"value":"a"}', line, b'{"value":"b"}'])

    assert made.messages == [NewMessage(b"a")]
    assert told in (made.problem or "")
    assert made.looked_at == 1


def test_what_all_messages_have_counts_more_than_what_an_object_has():
    common = Common(key=b"k", headers=(("h", b"1"),), timestamp=9)
    line = b'{"value":"v","key":"x","timestamp":1,"partition":4,"headers":[{"name":"own","value":null}]}'

    (message,) = Objects(common=common, keeps_partitions=False).make([line]).messages

    assert message == NewMessage(b"v", b"k", (("own", None), ("h", b"1")), None, 9)


def test_plain_lines_stay_what_they_are():
    lines = [b"a", b"", b"b"]

    assert Lines(common=Common()).make(lines).messages is lines


def test_an_empty_value_is_null_where_that_is_wanted():
    form = Lines(common=Common(key=b"k"), empty_is_null=True)
    keyed = Lines(common=Common(), key_delimiter=b"=", empty_is_null=True)

    assert form.make([b"", b"x"]).messages == [NewMessage(None, b"k"), NewMessage(b"x", b"k")]
    assert keyed.make([b"a=", b"=x", b"c"]).messages == [
        NewMessage(None, b"a"),
        NewMessage(b"x", b""),
        NewMessage(b"c"),
    ]
