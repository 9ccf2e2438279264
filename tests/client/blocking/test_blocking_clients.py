"""``gomq.blocking``: producer, consumer and admin without an event loop; against a real broker."""

import inspect
import signal
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

import gomq
import gomq.blocking
from gomq.client.groups.offsets import CommittedOffset
from gomq.client.message import OffsetRange
from gomq.errors import ClosedError, TopicAlreadyExistsError
from gomq_storage.layout import TopicPartition
from tests.client.blocking.broker import ORDERS, eventually, fill, numbers, some

pytestmark = pytest.mark.usefixtures("left_over")


def interrupt_once(condition: Callable[[], object], *, elsewhere: bool = False) -> threading.Thread:
    """Have the main thread get Ctrl-C once a condition holds, or have the system give it to another thread."""

    def watch() -> None:
        eventually(condition)
        taken_by = threading.current_thread() if elsewhere else threading.main_thread()
        signal.pthread_kill(taken_by.ident or 0, signal.SIGINT)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def test_messages_are_published_and_read(address: str):
    with gomq.blocking.Producer(address, codec="zstd") as producer:
        assert producer.create_topic("orders", partitions=2)
        receipt = producer.publish("orders", b"a", key=b"k", headers={"trace": b"1"}, partition=1)
        assert (receipt.partition, receipt.offset) == (1, 0)
        published = producer.publish_many("orders", [b"b", gomq.NewMessage(b"c", key=b"k")], partition=1)
        assert published.offsets == {1: OffsetRange(1, 2)}
        on_its_way = producer.publish_nowait("orders", b"d", partition=1)
        assert on_its_way.wait().offset == 3
        assert on_its_way.done
        producer.publish_nowait("orders", b"e", partition=1)
        producer.flush()
    with gomq.blocking.Consumer(address, "orders", replay=True) as consumer:
        assert consumer.partitions == [TopicPartition("orders", 0), TopicPartition("orders", 1)]
        messages = [next(consumer) for _ in range(5)]
        assert consumer.take(timeout=0.01) == []
    assert [message.value for message in messages] == [b"a", b"b", b"c", b"d", b"e"]
    assert messages[0].headers == (("trace", b"1"),)


def test_messages_that_are_made_one_by_one_are_published_in_order(address: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gomq.blocking.chunks._MOST", 7)
    with gomq.blocking.Producer(address) as producer:
        published = producer.publish_many("orders", (b"%d" % number for number in range(100)))
    assert (published.count, published.offsets) == (100, {0: OffsetRange(0, 99)})
    with gomq.blocking.Consumer(address, "orders", replay=True) as consumer:
        assert some(consumer, 100) == list(range(100))


def test_what_a_users_iterable_raises_is_raised(address: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gomq.blocking.chunks._MOST", 2)

    def broken() -> Iterator[bytes]:
        yield from (b"0", b"1", b"2")
        raise KeyError("mine")

    with gomq.blocking.Producer(address) as producer:
        with pytest.raises(KeyError, match="mine"):
            producer.publish_many("orders", broken())
        producer.publish("orders", b"x")


def test_a_message_that_is_refused_is_numbered_among_all(address: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gomq.blocking.chunks._MOST", 2)
    sizes = [1, 1, 1, 5000, 1, 1, 1]
    with gomq.blocking.Producer(address) as producer:
        producer.create_topic("orders", configs={"max.message.bytes": 1000})
        with pytest.raises(gomq.DeliveryFailedError) as caught:
            producer.publish_many("orders", (bytes(size) for size in sizes))
    assert 3 in [each.number for each in caught.value.undelivered]
    assert "message 3" in str(caught.value)


def test_an_admin_does_what_it_is_told(address: str):
    fill(address, 10, partitions=2)
    with gomq.blocking.Admin(address) as admin:
        assert [topic.name for topic in admin.list_topics()] == ["orders"]
        assert [each.end_offset for each in admin.describe_topic("orders").partitions] == [5, 5]
        with pytest.raises(TopicAlreadyExistsError):
            admin.create_topic("orders")
        admin.reset_offsets(admin.plan_reset("workers", ["orders"], to=3))
        assert [each.lag for each in admin.group_offsets("workers").values()] == [2, 2]
        assert admin.delete_topic("orders")


def test_a_group_goes_on_behind_what_was_handed_out(address: str):
    fill(address, 1000)
    with gomq.blocking.Consumer(address, "orders", group="workers", replay=True) as consumer:
        first = some(consumer, 300)
    with gomq.blocking.Consumer(address, "orders", group="workers") as consumer:
        second = some(consumer, 700)
    assert first + second == list(range(1000))


def test_a_message_on_which_the_program_fails_comes_again(address: str):
    fill(address, 100)

    def fail() -> None:
        with gomq.blocking.Consumer(address, "orders", group="workers", replay=True) as consumer:
            assert some(consumer, 51)[-1] == 50
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with gomq.blocking.Consumer(address, "orders", group="workers", replay=True) as consumer:
        assert some(consumer, 1) == [50], "and none before it"


def test_stopping_commits_what_was_handed_out_and_no_more(address: str):
    fill(address, 1000)
    with gomq.blocking.Consumer(address, "orders", group="workers", replay=True) as consumer:
        seen = []
        for message in consumer:
            seen.append(message)
            if len(seen) == 300:
                consumer.stop()
        assert len(seen) == 300
        assert consumer.take(timeout=1) == []
        assert list(consumer.batches()) == []
    with gomq.blocking.Consumer(address, "orders", group="workers") as consumer:
        assert some(consumer, 1) == [300]


def test_another_thread_stops_a_consumer_that_waits(address: str):
    fill(address, 3)
    with gomq.blocking.Consumer(address, "orders", replay=True) as consumer:
        assert some(consumer, 3) == [0, 1, 2]

        def stop() -> None:
            eventually(lambda: consumer._waiting)
            consumer.stop()

        thread = threading.Thread(target=stop)
        thread.start()
        assert list(consumer) == []
        thread.join()


def test_positions_are_behind_what_was_handed_out(address: str):
    fill(address, 1000)
    with gomq.blocking.Consumer(address, "orders", group="workers", replay=True) as consumer:
        assert some(consumer, 300)[-1] == 299
        assert consumer.position(0) == consumer.position(ORDERS) == 300
        assert consumer.lag() == {ORDERS: 700}
        consumer.commit()
        assert consumer.committed(0) == {ORDERS: CommittedOffset(300)}
        consumer.commit({ORDERS: 7})
        assert consumer.committed() == {ORDERS: CommittedOffset(7)}
        assert consumer.end_offsets() == {ORDERS: 1000}
        assert consumer.beginning_offsets() == {ORDERS: 0}
        assert consumer.offsets_for_times(datetime(2026, 1, 1, tzinfo=UTC)) == {ORDERS: 0}
        with pytest.raises(gomq.UnknownTopicError, match="no partition 7"):
            consumer.position(7)


def test_who_hears_of_partitions_may_use_the_consumer(address: str):
    fill(address, 100)

    def assigned(partitions: frozenset[TopicPartition]) -> None:
        for partition in partitions:
            consumer.seek(partition, 40)
            consumer.commit({partition: 7})

    consumer = gomq.blocking.Consumer(address, "orders", group="workers", auto_commit=False, on_assigned=assigned)
    with consumer:
        assert consumer.committed() == {ORDERS: CommittedOffset(7)}
        assert some(consumer, 2) == [40, 41]


def test_other_ways_to_read_go_on_behind_what_was_handed_out(address: str):
    fill(address, 1000)
    with gomq.blocking.Consumer(address, "orders", replay=True) as consumer:
        assert some(consumer, 300)[-1] == 299
        assert numbers(consumer.take(1)) == [300]
        assert some(consumer, 100) == list(range(301, 401))
        batches = list(consumer.batches(until={ORDERS: 1000}))
        assert [number for batch in batches for number in numbers(list(batch.messages))] == list(range(401, 1000))


def test_a_seek_drops_what_was_not_handed_out(address: str):
    fill(address, 1000)
    with gomq.blocking.Consumer(address, "orders", replay=True) as consumer:
        assert some(consumer, 300)[-1] == 299
        consumer.seek(0, 900)
        assert some(consumer, 50) == list(range(900, 950))
        consumer.seek(ORDERS, "earliest")
        assert some(consumer, 1) == [0]


def test_a_paused_partition_waits_for_its_turn(address: str):
    fill(address, 1000, partitions=2)
    with gomq.blocking.Consumer(address, "orders", replay=True) as consumer:
        seen = some(consumer, 200)
        consumer.pause(1)
        assert consumer.paused == {TopicPartition("orders", 1)}
        while len([number for number in seen if number % 2 == 0]) < 500:
            seen += some(consumer, 1)
        odd = sum(number % 2 for number in seen)
        assert consumer.take(timeout=0.01) == []
        assert odd < 500
        consumer.resume()
        seen += some(consumer, 500 - odd)
    assert sorted(seen) == list(range(1000))
    assert [number for number in seen if number % 2] == list(range(1, 1000, 2))


def test_threads_share_the_messages_of_a_consumer(address: str):
    fill(address, 2000)
    seen: list[list[int]] = [[] for _ in range(4)]

    def read(mine: list[int], consumer: gomq.blocking.Consumer) -> None:
        mine.extend(int(message.value or b"") for message in consumer)

    with gomq.blocking.Consumer(address, "orders", replay=True) as consumer:
        threads = [threading.Thread(target=read, args=(mine, consumer)) for mine in seen]
        for thread in threads:
            thread.start()
        eventually(lambda: sum(map(len, seen)) == 2000)
        eventually(lambda: consumer._waiting)
        consumer.stop()
        for thread in threads:
            thread.join()
    assert sorted(number for mine in seen for number in mine) == list(range(2000))


@pytest.mark.parametrize("elsewhere", [False, True], ids=["to the main thread", "to another"])
def test_ctrl_c_ends_a_consumer_that_waits(address: str, *, elsewhere: bool):
    fill(address, 3)
    threads: list[threading.Thread] = []

    def wait_for_ever() -> None:
        with gomq.blocking.Consumer(address, "orders", replay=True) as consumer:
            assert some(consumer, 3) == [0, 1, 2]
            threads.append(interrupt_once(lambda: consumer._waiting, elsewhere=elsewhere))
            next(consumer)

    with pytest.raises(KeyboardInterrupt):
        wait_for_ever()
    threads[0].join()


def test_after_ctrl_c_that_was_caught_nothing_is_missing(address: str):
    fill(address, 3)
    with gomq.blocking.Consumer(address, "orders", replay=True) as consumer:
        assert some(consumer, 3) == [0, 1, 2]
        thread = interrupt_once(lambda: consumer._waiting)
        with pytest.raises(KeyboardInterrupt):
            next(consumer)
        thread.join()
        with gomq.blocking.Producer(address) as producer:
            producer.publish("orders", b"3")
        assert some(consumer, 1) == [3]


def test_ctrl_c_ends_publishing(address: str):
    taken: list[int] = []

    def endless() -> Iterator[bytes]:
        while True:
            taken.append(1)
            yield b"x" * 1000

    def publish_for_ever() -> None:
        with gomq.blocking.Producer(address) as producer:
            producer.create_topic("orders")
            producer.publish_many("orders", endless())

    thread = interrupt_once(lambda: len(taken) > 1000)
    with pytest.raises(KeyboardInterrupt):
        publish_for_ever()
    thread.join()


def test_outside_of_its_block_a_client_says_so(address: str):
    message = r"use it inside of `with gomq\.blocking\."
    with pytest.raises(ClosedError, match=message):
        gomq.blocking.Producer(address).publish("orders", b"x")
    with pytest.raises(ClosedError, match=message):
        next(gomq.blocking.Consumer(address, "orders"))
    with pytest.raises(ClosedError, match=message):
        gomq.blocking.Admin(address).list_topics()
    with gomq.blocking.Admin(address) as admin:
        admin.list_topics()
    with pytest.raises(ClosedError):
        admin.list_topics()
    with pytest.raises(RuntimeError, match="entered once"), admin:
        pass


def test_a_block_that_cannot_be_entered_raises_why(address: str):
    with pytest.raises(gomq.UnknownTopicError, match="'nowhere'"), gomq.blocking.Consumer(address, "nowhere"):
        pytest.fail("not reached")


@pytest.mark.parametrize("name", ["Admin", "Consumer", "Producer"])
def test_names_and_arguments_are_those_of_the_asynchronous_client(name: str):
    theirs, ours = getattr(gomq, name), getattr(gomq.blocking, name)
    public = {each for each in dir(theirs) if not each.startswith("_")}
    assert public == {each for each in dir(ours) if not each.startswith("_")}
    for each in (*public, "__init__"):
        method = getattr(theirs, each)
        if callable(method):
            wanted = inspect.signature(method).parameters
            found = inspect.signature(getattr(ours, each)).parameters
            assert [(one.name, one.kind, one.default) for one in found.values()] == [
                (one.name, one.kind, one.default) for one in wanted.values()
            ], each
