"""``Admin``: several topics at once, more partitions, offsets at a time; against a real broker, and a scripted one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import gomq
from gomq.client.admin.topics import NewTopic
from gomq.client.cluster.settings import ConnectionSettings
from gomq.errors import (
    ConfigurationError,
    ConnectionFailedError,
    InvalidPartitionsError,
    InvalidTopicError,
    LeaderNotAvailableError,
    ProtocolError,
    TopicAlreadyExistsError,
    UnsupportedVersionError,
)
from gomq.protocol.api import Api
from tests.client.admin.answering import answers_with
from tests.support.fake_broker import Exchange, FakeCluster, answers, hangs_up


async def test_several_topics_are_created_described_and_deleted(broker: gomq.Broker):
    async with gomq.Admin(broker.address) as admin:
        new = [NewTopic(name="orders", partitions=2), NewTopic(name="events", configs={"retention.ms": 1000})]
        assert await admin.create_topics(new) == ["orders", "events"]
        described = await admin.describe_topics(["events", "orders"])
        assert [(name, len(topic.partitions)) for name, topic in described.items()] == [("events", 1), ("orders", 2)]
        more = [NewTopic(name="orders"), NewTopic(name="users")]
        assert await admin.create_topics(more, if_not_exists=True) == ["users"]
        assert await admin.delete_topics(["nowhere", "orders"], if_exists=True) == ["orders"]
        assert [topic.name for topic in await admin.list_topics()] == ["events", "users"]
        assert await admin.create_topics([]) == await admin.delete_topics([]) == []


async def test_one_that_fails_is_raised_and_the_others_are_done(broker: gomq.Broker):
    async with gomq.Admin(broker.address) as admin:
        with pytest.raises(InvalidTopicError, match="'a/b' cannot be created"):
            await admin.create_topics([NewTopic(name="a/b"), NewTopic(name="orders")])
        with pytest.raises(gomq.UnknownTopicError, match="'nowhere' cannot be deleted"):
            await admin.delete_topics(["nowhere", "orders"])
        assert await admin.list_topics() == []


async def test_several_that_fail_are_raised_as_a_group(broker: gomq.Broker):
    async with gomq.Admin(broker.address) as admin:
        await admin.create_topic("orders")
        with pytest.raises(ExceptionGroup) as caught:
            await admin.create_topics([NewTopic(name="a/b"), NewTopic(name="events"), NewTopic(name="orders")])
        invalid, existing = caught.value.exceptions
        assert isinstance(invalid, InvalidTopicError)
        assert isinstance(existing, TopicAlreadyExistsError)
        with pytest.raises(ExceptionGroup) as caught:
            await admin.describe_topics(["nowhere", "orders", "never"])
        assert [type(each) for each in caught.value.exceptions] == [gomq.UnknownTopicError] * 2
        assert [topic.name for topic in await admin.list_topics()] == ["events", "orders"]


async def test_topics_can_be_tried_out(broker: gomq.Broker):
    async with gomq.Admin(broker.address) as admin:
        assert await admin.create_topic("orders", validate_only=True)
        with pytest.raises(InvalidTopicError):
            await admin.create_topic("a/b", validate_only=True)
        assert await admin.list_topics() == []


async def test_names_are_given_once_and_not_as_a_text(fake: FakeCluster):
    async with gomq.Admin(fake.address) as admin:
        with pytest.raises(TypeError, match="put it into a list"):
            await admin.delete_topics("orders")
        with pytest.raises(ConfigurationError, match="topic 'a' is named twice"):
            await admin.delete_topics(["a", "b", "a"])
        with pytest.raises(ConfigurationError, match="topic 'a' is named twice"):
            await admin.create_topics([NewTopic(name="a"), NewTopic(name="a")])
    assert fake.asked(Api.DELETE_TOPICS) == fake.asked(Api.CREATE_TOPICS) == []


async def test_a_topic_is_given_more_partitions(broker: gomq.Broker):
    async with gomq.Admin(broker.address) as admin, gomq.Producer(broker.address) as producer:
        await admin.create_topic("orders")
        await admin.create_partitions("orders", 3, validate_only=True)
        assert len((await admin.describe_topic("orders")).partitions) == 1
        await admin.create_partitions("orders", 3)
        await producer.publish("orders", b"x", partition=2)
        with pytest.raises(InvalidPartitionsError, match="'orders' cannot be given 2 partitions"):
            await admin.create_partitions("orders", 2)
        with pytest.raises(gomq.UnknownTopicError, match="'nowhere' cannot be given 2 partitions"):
            await admin.create_partitions("nowhere", 2)
        with pytest.raises(ConfigurationError, match="at least one partition, not 0"):
            await admin.create_partitions("orders", 0)


async def test_new_partitions_are_waited_for(fake: FakeCluster, monkeypatch: pytest.MonkeyPatch):
    fake.answers.make_topic("orders")
    done = {"name": "orders", "error_code": 0, "error_message": None}
    fake.always(Api.CREATE_PARTITIONS, answers_with(lambda _: {"results": [done]}))
    asked: list[int] = []

    async def grows(exchange: Exchange) -> None:
        asked.append(exchange.node)
        if len(asked) == 4:
            fake.answers.make_topic("orders", partitions=2)
        await answers(exchange)

    async with gomq.Admin(fake.address, settings=ConnectionSettings(first_backoff=0.01)) as admin:
        fake.always(Api.METADATA, grows)
        await admin.create_partitions("orders", 2)
        assert len(asked) >= 4
        monkeypatch.setattr("gomq.client.admin.topics.READY_TIMEOUT", 0.0)
        with pytest.raises(LeaderNotAvailableError, match="'orders' was given 3 partitions, and has 2 after 0 s"):
            await admin.create_partitions("orders", 3)


async def test_a_topic_that_does_not_get_ready_hides_none_that_was_refused(
    fake: FakeCluster, monkeypatch: pytest.MonkeyPatch
):
    fake.answers.make_topic("there")

    async def leaderless(exchange: Exchange) -> None:
        await answers(exchange)
        fake.answers.topics["slow"][0].leader = -1

    monkeypatch.setattr("gomq.client.admin.topics.READY_TIMEOUT", 0.05)
    fake.next(Api.CREATE_TOPICS, leaderless)
    async with gomq.Admin(fake.address) as admin:
        with pytest.raises(ExceptionGroup) as caught:
            await admin.create_topics([NewTopic(name="there"), NewTopic(name="slow")])
    assert list(map(type, caught.value.exceptions)) == [TopicAlreadyExistsError, LeaderNotAvailableError]


async def test_offsets_are_told_at_a_time(broker: gomq.Broker):
    start = datetime(2026, 1, 1, tzinfo=UTC)
    now = datetime.now(UTC)
    async with gomq.Admin(broker.address) as admin, gomq.Producer(broker.address) as producer:
        await admin.create_topic("orders", partitions=2)
        for hours in range(4):
            moment = start + timedelta(hours=hours)
            await producer.publish("orders", b"x", partition=1, timestamp=int(moment.timestamp() * 1000))
        await admin.delete_records("orders", {1: 1})
        assert await admin.topic_offsets("orders", "earliest") == {0: 0, 1: 1}
        assert await admin.topic_offsets("orders", "latest") == {0: 0, 1: 4}
        assert await admin.topic_offsets("orders", start + timedelta(hours=1, minutes=1)) == {0: None, 1: 2}
        assert await admin.topic_offsets("orders", start + timedelta(hours=5)) == {0: None, 1: None}
        ago = now - start - timedelta(hours=2, minutes=30)
        assert await admin.topic_offsets("orders", ago) == {0: None, 1: 3}
        with pytest.raises(ConfigurationError, match="no time zone"):
            await admin.topic_offsets("orders", datetime(2026, 1, 1))  # noqa: DTZ001 - that is the mistake
        with pytest.raises(ConfigurationError, match="not 7"):
            await admin.topic_offsets("orders", 7)  # type: ignore[arg-type]  # that is the mistake
        with pytest.raises(gomq.UnknownTopicError, match="'nowhere' does not exist"):
            await admin.topic_offsets("nowhere", "latest")


async def test_what_may_be_done_twice_is_not_asked_again_once_its_answer_is_lost(fake: FakeCluster):
    fake.next(Api.CREATE_TOPICS, hangs_up)
    async with gomq.Admin(fake.address) as admin:
        with pytest.raises(ConnectionFailedError):
            await admin.create_topic("orders")
    assert len(fake.asked(Api.CREATE_TOPICS)) == 1


@pytest.mark.parametrize("api", [Api.CREATE_TOPICS, Api.DELETE_TOPICS, Api.CREATE_PARTITIONS])
async def test_a_topic_that_the_answer_leaves_out_is_an_error(fake: FakeCluster, api: Api):
    nothing: dict[str, Any] = {"topics": [], "responses": [], "results": []}
    fake.next(api, answers_with(lambda _: nothing))
    async with gomq.Admin(fake.address) as admin:
        ask = {
            Api.CREATE_TOPICS: lambda: admin.create_topic("orders"),
            Api.DELETE_TOPICS: lambda: admin.delete_topic("orders"),
            Api.CREATE_PARTITIONS: lambda: admin.create_partitions("orders", 2),
        }
        with pytest.raises(ProtocolError, match=f"{api.name} does not mention topic 'orders'"):
            await ask[api]()


async def test_a_broker_that_cannot_add_partitions_is_told_so(fake: FakeCluster):
    del fake.versions[Api.CREATE_PARTITIONS]
    async with gomq.Admin(fake.address) as admin:
        with pytest.raises(UnsupportedVersionError, match="CREATE_PARTITIONS"):
            await admin.create_partitions("orders", 2)
