"""The answer that says no: to every version of every request, as Kafka's ``getErrorResponse`` does."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from gomq.protocol.api import SERVED, Api
from gomq.protocol.entities import build, decode, encode, schema
from gomq.protocol.responses import decode_response, encode_response
from gomq.testing.error_answers import ErrorAnswer
from tests.support.corpus import TOPIC_ID, sample_values
from tests.support.kafka import require_kafka, run_tool
from tests.support.wire import served_versions, versions

NOT_ENOUGH_REPLICAS = 19
VERSIONS = [*served_versions()]
CANNOT_TELL = {(Api.DESCRIBE_LOG_DIRS, 1), (Api.DESCRIBE_LOG_DIRS, 2)}
"""Their answers have no place for an error but beside directories, which nobody asks about by name."""
OTHERWISE = {
    Api.LIST_PARTITION_REASSIGNMENTS,  # Kafka repeats partitions, none of which has an error
    Api.GET_TELEMETRY_SUBSCRIPTIONS,  # Kafka has 0 for numbers that nobody reads
}


def body_of(api: Api, version: int) -> Any:
    return build(schema(api, version, "request"), dict(sample_values(api, version)))


def answer(api: Api, version: int, **changed: Any) -> Any:
    """What a client reads."""
    body = build(schema(api, version, "request"), {**sample_values(api, version), **changed})
    values = ErrorAnswer(api, version, NOT_ENOUGH_REPLICAS, "a fault").values(body)
    frame = encode_response(api, version, 7, values)
    return decode_response(memoryview(frame)[4:].toreadonly(), api, version)


def error_codes(entity: Any) -> Iterator[int]:
    for field in fields(entity):
        value = getattr(entity, field.name)
        if field.name == "error_code":
            yield int(value)
        for each in value if isinstance(value, tuple) else ():
            if is_dataclass(each):
                yield from error_codes(each)


@pytest.mark.parametrize("api", SERVED, ids=lambda api: api.name)
def test_every_version_of_an_answer_says_no_wherever_it_can(api: Api):
    for version in versions(api):
        codes = [*error_codes(answer(api, version))]

        assert set(codes) == (set() if (api, version) in CANNOT_TELL else {NOT_ENOUGH_REPLICAS}), version


def test_each_partition_that_was_asked_for_is_named():
    produced = answer(Api.PRODUCE, 9).responses

    found = [(topic.name, each.index, each.base_offset) for topic in produced for each in topic.partition_responses]
    assert found == [("orders", 0, -1), ("orders", 1, -1)]


def test_topics_by_id_are_named_by_it():
    (topic,) = answer(Api.PRODUCE, 13).responses

    assert topic.topic_id == TOPIC_ID


def test_records_are_none_but_not_null_which_clients_refuse():
    (topic,) = answer(Api.FETCH, 12).responses

    assert [(each.partition_index, each.records) for each in topic.partitions] == [(0, b""), (1, b"")]


def test_a_fetch_by_topic_ids_is_answered_above_its_topics():
    fetched = answer(Api.FETCH, 16)

    assert (fetched.error_code, fetched.responses) == (NOT_ENOUGH_REPLICAS, ())


def test_all_topics_are_none_where_none_was_named():
    assert answer(Api.METADATA, 9, topics=None).topics == ()


def test_names_of_groups_and_keys_are_repeated():
    assert [each.group_id for each in answer(Api.DESCRIBE_GROUPS, 5).groups] == ["group", "nowhere"]
    assert [each.key for each in answer(Api.FIND_COORDINATOR, 4).coordinators] == ["group", "other"]


def normal(value: Any) -> Any:
    """Leave out what is said in words, and the order of what Kafka keeps in hash maps."""
    if is_dataclass(value):
        return {f.name: normal(getattr(value, f.name)) or None for f in fields(value) if f.name != "error_message"}
    return sorted(map(normal, value), key=repr) if isinstance(value, tuple) else value


def test_kafka_itself_answers_the_same():
    require_kafka()
    asked = [(api, version, body_of(api, version)) for api, version in VERSIONS if api not in OTHERWISE]
    lines = [f"{int(api)} {version} {NOT_ENOUGH_REPLICAS} {encode(body).hex()}\n" for api, version, body in asked]
    program = Path(__file__).parents[1] / "support" / "KafkaRefusals.java"
    printed = run_tool(str(program), stdin="".join(lines)).stdout.splitlines()

    assert len(printed) == len(asked) > 150
    for (api, version, body), line in zip(asked, printed, strict=True):
        kind = schema(api, version, "response")
        ours = build(kind, ErrorAnswer(api, version, NOT_ENOUGH_REPLICAS, "a fault").values(body))
        theirs = decode(kind, memoryview(bytes.fromhex(line)), 0)
        assert normal(ours) == normal(theirs), (api.name, version)
