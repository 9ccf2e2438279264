"""What is told of a request: the topics that it names, in any version of it."""

from uuid import UUID

import pytest

from gomq.protocol.api import SERVED, Api
from gomq.protocol.entities import build, schema
from gomq.testing.asked import api_name, topics_of
from tests.support.corpus import TOPIC_ID, sample_values
from tests.support.wire import versions

NAMED = {
    Api.METADATA: ("orders", "bills"),
    Api.CREATE_TOPICS: ("created",),
    Api.DELETE_TOPICS: ("deleted",),
    Api.CREATE_PARTITIONS: ("nowhere",),
    Api.ALTER_CONFIGS: ("altered",),
    Api.INCREMENTAL_ALTER_CONFIGS: ("altered",),
    **dict.fromkeys(
        (
            Api.PRODUCE, Api.FETCH, Api.LIST_OFFSETS, Api.OFFSET_COMMIT, Api.OFFSET_FETCH, Api.OFFSET_DELETE,
            Api.DELETE_RECORDS, Api.OFFSET_FOR_LEADER_EPOCH, Api.DESCRIBE_CONFIGS, Api.DESCRIBE_TOPIC_PARTITIONS,
            Api.DESCRIBE_LOG_DIRS, Api.DESCRIBE_PRODUCERS, Api.ELECT_LEADERS, Api.LIST_PARTITION_REASSIGNMENTS,
        ),
        ("orders",),
    ),
}  # fmt: skip
"""By the requests of the corpus; all others are about no topic."""


def name_of(topic_id: UUID) -> str | None:
    return "orders" if topic_id == TOPIC_ID else None


@pytest.mark.parametrize("api", SERVED, ids=lambda api: api.name)
def test_the_topics_of_every_request_are_found(api: Api):
    for version in versions(api):
        body = build(schema(api, version, "request"), dict(sample_values(api, version)))

        assert topics_of(body, name_of) == NAMED.get(api, ()), version


def test_a_topic_whose_id_nobody_knows_has_no_name():
    body = build(schema(Api.PRODUCE, 13, "request"), dict(sample_values(Api.PRODUCE, 13)))

    assert topics_of(body, lambda _: None) == ()


def test_apis_are_called_as_kafka_calls_them():
    assert [api_name(api) for api in (Api.PRODUCE, Api.OFFSET_FOR_LEADER_EPOCH)] == ["Produce", "OffsetForLeaderEpoch"]
