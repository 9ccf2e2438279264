"""Faults as clients meet them: ours, on both event loops; what a broker does with the requests is seen in its logs."""

import time

import anyio
import pytest

import gomq
from gomq.errors import (
    BrokerError,
    DeliveryFailedError,
    KafkaStorageError,
    LeaderNotAvailableError,
    NotEnoughReplicasError,
    TopicAuthorizationFailedError,
)
from gomq.protocol.api import Api
from gomq.testing import Asked, BrokerThread
from gomq_storage.record import NewRecord, encode_batch
from tests.support.corpus import sample_values
from tests.support.waiting import until
from tests.support.wire import NOW_MS, connect, produce_values

LONG = 60.0


def values(broker: BrokerThread, topic: str) -> list[bytes | None]:
    return [message.value for message in broker.records(topic)]


def asked_for(broker: BrokerThread, api: str) -> list[Asked]:
    return [asked for asked in broker.faults.seen if asked.api == api]


async def test_an_error_that_passes_is_tried_again(gomq_broker: BrokerThread, gomq_topic: str, gomq_producer):
    rule = gomq_broker.faults.fail("Produce", NotEnoughReplicasError).times(2)
    async with gomq_producer() as producer:
        await producer.publish(gomq_topic, b"a")

    assert rule.hits == 2
    assert len(asked_for(gomq_broker, "Produce")) == 3
    assert values(gomq_broker, gomq_topic) == [b"a"]


async def test_an_error_that_stays_is_raised_as_what_it_is(gomq_broker: BrokerThread, gomq_topic: str, gomq_producer):
    gomq_broker.faults.fail("Produce", TopicAuthorizationFailedError, topic=gomq_topic)
    async with gomq_producer() as producer:
        with pytest.raises(TopicAuthorizationFailedError):
            await producer.publish(gomq_topic, b"a")
        await producer.publish(f"{gomq_topic}-another", b"b")

    assert values(gomq_broker, gomq_topic) == []


async def test_an_answer_that_is_lost_does_not_make_a_message_come_twice(
    gomq_broker: BrokerThread, gomq_topic: str, gomq_producer
):
    gomq_broker.faults.disconnect("Produce", after=True).once()
    async with gomq_producer() as producer:
        await producer.publish(gomq_topic, b"a")

    assert len(asked_for(gomq_broker, "Produce")) == 2
    assert values(gomq_broker, gomq_topic) == [b"a"]


async def test_a_connection_lost_before_is_made_anew(gomq_broker: BrokerThread, gomq_topic: str, gomq_producer):
    gomq_broker.faults.disconnect("Produce").times(2)
    async with gomq_producer() as producer:
        await producer.publish(gomq_topic, b"a")

    assert values(gomq_broker, gomq_topic) == [b"a"]


async def test_an_answer_that_waits_can_be_lost_too(gomq_broker: BrokerThread, gomq_topic: str):
    """A fetch that waits for messages is answered later, and then not."""
    rule = gomq_broker.faults.disconnect("Fetch", after=True).once()
    async with connect(gomq_broker.address) as wire:
        fetch = dict(sample_values(Api.FETCH, 12)) | {"max_wait": 20, "min_bytes": 1}
        fetch["topics"] = [{**fetch["topics"][0], "topic": gomq_topic}]
        await wire.send(Api.FETCH, 12, fetch)
        assert await wire.is_closed()

    assert rule.hits == 1


async def test_a_delay_passes(gomq_broker: BrokerThread, gomq_topic: str, gomq_producer):
    gomq_broker.faults.delay("Produce", 0.05).once()
    async with gomq_producer() as producer:
        started = time.monotonic()
        await producer.publish(gomq_topic, b"a")

    assert time.monotonic() - started >= 0.05


async def test_a_delay_that_is_removed_ends(gomq_broker: BrokerThread, gomq_topic: str, gomq_producer):
    rule = gomq_broker.faults.delay("Produce", LONG)
    async with gomq_producer() as producer, anyio.create_task_group() as group:
        group.start_soon(producer.publish, gomq_topic, b"a")
        await until(lambda: rule.hits)
        assert values(gomq_broker, gomq_topic) == []
        rule.remove()

    assert values(gomq_broker, gomq_topic) == [b"a"]


async def test_a_black_hole_answers_one_client_never_and_lets_it_go_when_it_ends(
    gomq_broker: BrokerThread, gomq_topic: str, gomq_producer
):
    async with gomq_producer(client_id="lost", request_timeout=LONG) as lost, gomq_producer() as other:
        await lost.publish(gomq_topic, b"before")
        async with anyio.create_task_group() as group:
            with gomq_broker.faults.blackhole("lost") as rule:
                group.start_soon(lost.publish, gomq_topic, b"a")
                await until(lambda: rule.hits)
                await other.publish(gomq_topic, b"b")
                assert values(gomq_broker, gomq_topic) == [b"before", b"b"]

    assert values(gomq_broker, gomq_topic) == [b"before", b"b", b"a"]


async def test_what_comes_behind_it_on_a_connection_is_in_the_black_hole_too(
    gomq_broker: BrokerThread, gomq_topic: str
):
    gomq_broker.faults.blackhole(api="Metadata").once()
    async with connect(gomq_broker.address) as wire:
        await wire.send(Api.METADATA, 12, dict(sample_values(Api.METADATA, 12)))
        await wire.send(
            Api.PRODUCE, 9, produce_values({gomq_topic: {0: encode_batch([NewRecord(b"a")], now_ms=NOW_MS)}})
        )
        await until(lambda: asked_for(gomq_broker, "Produce"))
        gomq_broker.faults.clear()
        assert await wire.is_closed()

    assert values(gomq_broker, gomq_topic) == []


async def test_a_client_in_a_black_hole_gives_up_in_its_time(gomq_broker: BrokerThread, gomq_topic: str, gomq_producer):
    async with gomq_producer(delivery_timeout=0.2, request_timeout=0.1) as producer:
        gomq_broker.faults.blackhole()
        with pytest.raises(DeliveryFailedError):
            await producer.publish(gomq_topic, b"a")


@pytest.mark.parametrize("hold", ["delay", "blackhole"])
async def test_requests_that_are_held_do_not_hold_up_the_end(hold: str, caplog: pytest.LogCaptureFixture):
    with BrokerThread() as broker:
        rule = broker.faults.delay("*", LONG) if hold == "delay" else broker.faults.blackhole()
        async with connect(broker.address) as wire:
            await wire.send(Api.METADATA, 12, dict(sample_values(Api.METADATA, 12)))
            await until(lambda: rule.hits)
            broker.stop()
    assert "connections.cut_off" not in caplog.messages


async def test_faults_outlive_a_restart():
    with BrokerThread() as broker:
        rule = broker.faults.fail("CreateTopics", KafkaStorageError)
        broker.kill()
        broker.restart()
        async with gomq.Admin(broker.address) as admin:
            with pytest.raises(KafkaStorageError):
                await admin.create_topic("orders")
        assert rule.hits == 1


async def test_metadata_that_fails_for_a_topic_still_says_where_the_broker_is(gomq_broker: BrokerThread):
    gomq_broker.faults.fail("Metadata", LeaderNotAvailableError, topic="orders")
    async with connect(gomq_broker.address) as wire:
        found = await wire.ask(Api.METADATA, 12, **sample_values(Api.METADATA, 12))

    assert [f"{each.host}:{each.port}" for each in found.brokers] == [gomq_broker.address]
    assert [(each.name, int(each.error_code)) for each in found.topics] == [("orders", 5), ("bills", 5)]


async def test_a_consumer_reads_on_after_errors_and_breaks(gomq_broker: BrokerThread, gomq_topic: str, gomq_consumer):
    gomq_broker.publish(gomq_topic, [b"a", b"b"])
    gomq_broker.faults.fail("Fetch", "NOT_LEADER_OR_FOLLOWER").once()
    gomq_broker.faults.disconnect("Fetch").once()
    async with gomq_consumer(gomq_topic) as consumer:
        found = [(await anext(consumer)).value for _ in range(2)]

    assert found == [b"a", b"b"]
    assert {asked.topics for asked in asked_for(gomq_broker, "Fetch")} == {(gomq_topic,)}


async def test_a_commit_that_fails_is_raised(
    gomq_broker: BrokerThread, gomq_topic: str, gomq_group: str, gomq_consumer
):
    gomq_broker.publish(gomq_topic, [b"a"])
    async with gomq_consumer(gomq_topic, group=gomq_group, auto_commit=False) as consumer:
        await anext(consumer)
        with (
            gomq_broker.faults.fail("OffsetCommit", "OFFSET_METADATA_TOO_LARGE", topic=gomq_topic),
            pytest.raises(BrokerError) as caught,
        ):
            await consumer.commit()
        assert caught.value.code == 12
        assert gomq_broker.committed(gomq_group) == {}
        await consumer.commit()

    assert [*gomq_broker.committed(gomq_group).values()] == [1]


async def test_without_an_answer_to_send_an_error_closes_the_connection(gomq_broker: BrokerThread, gomq_topic: str):
    gomq_broker.faults.fail("Produce", NotEnoughReplicasError)
    async with connect(gomq_broker.address) as wire:
        await wire.send(Api.PRODUCE, 9, produce_values({gomq_topic: {0: b""}}, acks=0))
        assert await wire.is_closed()


async def test_what_cannot_be_read_is_the_brokers_to_refuse(gomq_broker: BrokerThread):
    gomq_broker.faults.fail("*", NotEnoughReplicasError)
    async with connect(gomq_broker.address) as wire:
        await wire.send_bytes(b"\0\0\0\x0a\0\0\0\x09\0\0\0\1\0\0")
        assert await wire.is_closed()

    assert gomq_broker.faults.seen == []


async def test_what_was_asked_is_seen(gomq_broker: BrokerThread, gomq_topic: str, gomq_producer):
    async with gomq_producer(client_id="billing") as producer:
        await producer.publish(gomq_topic, b"a")

    (produce,) = asked_for(gomq_broker, "Produce")
    assert produce == ("Produce", produce.version, "billing", (gomq_topic,))
    assert gomq_broker.faults.seen[0].api == "ApiVersions"
    gomq_broker.faults.clear()
    assert gomq_broker.faults.seen == []
