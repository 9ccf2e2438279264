"""Programs that users write. mypy takes each line as strictly as it can; nobody runs them."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import anyio

import gomq
import gomq.blocking
from gomq.client.cluster.security import Security
from gomq.errors import (
    ConnectionFailedError,
    FencedInstanceIdError,
    GroupAuthorizationFailedError,
    RebalanceInProgressError,
    error_for,
)
from gomq.testing import BrokerThread, Rule


def use(*values: object) -> None:
    """Do something with values."""


async def first(address: str) -> gomq.Message | None:
    async with gomq.Consumer(address, "orders", replay=True) as consumer:
        async for message in consumer:
            return message
    return None


async def stored(address: str) -> int:
    async with gomq.Producer(address, codec="zstd", acks=1, security=Security()) as producer:
        receipt = await producer.publish("orders", b"x", key=b"k", headers={"trace": b"1"})
        offset: int = receipt.offset
        return offset


async def messages() -> AsyncIterator[bytes]:
    yield b"x"


async def published(address: str) -> int:
    async with gomq.Producer(address, linger=0.005) as producer:
        many: gomq.Published = await producer.publish_many("orders", [b"a", gomq.NewMessage(b"b", key=b"k")])
        await producer.publish_many("orders", messages())
        await producer.publish("orders", None, key=b"k", headers=[("trace", b"1"), ("trace", None)], partition=0)
        pending: gomq.Publication = producer.publish_nowait("orders", b"x")
        receipt: gomq.Receipt = await pending.wait()
        await producer.flush()
    count: int = many.count
    return count + receipt.offset


async def read_in_batches(address: str) -> list[bytes | None]:
    values: list[bytes | None] = []
    async with gomq.Consumer(address, ["orders", "payments"], start=timedelta(hours=1)) as consumer:
        async for batch in consumer.batches(until=await consumer.end_offsets()):
            values += [message.value for message in batch.messages]
            use(batch.topic.upper(), batch.partition + 1)
    return values


async def choose_where_to_read(address: str) -> None:
    gomq.Consumer(address, re.compile(r"orders\..*"), start="earliest")
    gomq.Consumer(address, "orders", start=datetime.now(UTC), isolation="read_committed", out_of_range="earliest")
    async with gomq.Consumer(address, "orders", start=100) as consumer:
        lag: int = sum((await consumer.lag()).values())
        for partition in consumer.partitions:
            use(partition.topic, partition.partition, consumer.position(partition), lag)
            await consumer.seek(partition, "latest")
            consumer.pause(partition)
            consumer.resume(partition)


async def acknowledge(address: str) -> None:
    async with gomq.Consumer(address, "orders", group="billing", auto_commit=False) as consumer:
        async for delivery in consumer.deliveries(ack_timeout=2.0, max_attempts=10, dead_letter="orders.dead"):
            async with delivery:
                use(delivery.message.value, delivery.attempt + 1)
        some: list[gomq.Message] = await consumer.take(100, timeout=1.0)
        use(some)
        await consumer.commit()


async def administrate(address: str) -> list[str]:
    async with gomq.Admin(address) as admin:
        await admin.create_topic("orders", partitions=3, configs={"retention.ms": 1000})
        names: list[str] = [topic.name for topic in await admin.list_topics()]
    return names


def without_an_event_loop(address: str) -> list[bytes | None]:
    with gomq.blocking.Producer(address) as producer:
        receipt: gomq.Receipt = producer.publish("orders", b"x", key=b"k")
        many: gomq.Published = producer.publish_many("orders", (b"x" for _ in range(3)))
        receipt = producer.publish_nowait("orders", b"x").wait()
        use(receipt.offset, many.count)
    with gomq.blocking.Consumer(address, "orders", replay=True) as consumer:
        values: list[bytes | None] = [message.value for message in consumer]
        for batch in consumer.batches(until=consumer.end_offsets()):
            values += [message.value for message in batch.messages]
        for delivery in consumer.deliveries(max_attempts=3):
            with delivery:
                values.append(delivery.message.value)
        consumer.run(gomq.blocking.Delivery.ack, concurrency=8)
    with gomq.blocking.Admin(address) as admin:
        names: list[str] = [topic.name for topic in admin.list_topics()]
        lags: list[int | None] = [offset.lag for offset in admin.group_offsets("workers").values()]
        use(names, lags)
    return values


def with_a_broker_for_tests(gomq_broker: BrokerThread, gomq_topic: str) -> list[bytes | None]:
    with BrokerThread(topics={"orders": 3, "bills": [b"a", gomq.NewMessage(b"b", key=b"k")]}, flush="always") as broker:
        with broker.expect("orders", 2, timeout=1.0) as new:
            broker.publish("orders", [b"a", b"b"])
        rule: Rule = broker.faults.fail("Produce", GroupAuthorizationFailedError, topic="orders").times(2)
        with broker.faults.delay("Fetch", 0.2), broker.faults.disconnect("Produce", after=True).once():
            use(rule.hits + 1, [asked.api.upper() for asked in broker.faults.seen])
        committed: dict[gomq.TopicPartition, int] = broker.committed("billing")
        use(new[0].value, committed, gomq_broker.records(gomq_topic))
        broker.kill()
        broker.restart()
        return [message.value for message in broker.records("bills")]


async def serve() -> None:
    async with gomq.Broker(data="data", listen="127.0.0.1:0") as broker:
        use("this is reached", broker.address, await stored(broker.address), await first(broker.address))


async def handle_errors(address: str) -> float | None:
    try:
        await published(address)
    except ConnectionFailedError as error:
        use(error.address.upper(), error.reason.upper())
    except (FencedInstanceIdError, GroupAuthorizationFailedError, RebalanceInProgressError) as error:
        code: int = error.code
        use(code)
    except gomq.DeliveryFailedError as error:
        use([each.message.value for each in error.undelivered])
    except gomq.GomqError as error:
        return 1.0 if error.retriable else None
    error_of_a_broker: gomq.BrokerError = error_for(27, "group 'x'")
    raise error_of_a_broker


def main() -> None:
    anyio.run(serve, backend="trio")
