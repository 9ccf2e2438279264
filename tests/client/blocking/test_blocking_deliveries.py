"""``gomq.blocking``: messages that come again until they are acknowledged, in a loop and in a handler."""

import threading
import time

import pytest

import gomq
import gomq.blocking
from gomq.errors import ConfigurationError, MessageNotHandledError
from tests.client.blocking.broker import ORDERS, eventually, fill, some

pytestmark = pytest.mark.usefixtures("left_over")


def number_of(delivery: gomq.blocking.Delivery) -> int:
    return int(delivery.message.value or b"")


def left_for_others(address: str) -> int | None:
    with gomq.blocking.Admin(address) as admin:
        return admin.group_offsets("workers", ["orders"])[ORDERS].committed


def test_what_leaves_a_deliverys_block_has_it_delivered_again(address: str):
    fill(address, 10)
    handled: list[tuple[int, int]] = []
    with gomq.blocking.Consumer(address, "orders", group="workers", replay=True) as consumer:
        for delivery in consumer.deliveries(backoff=0.01):
            with delivery:
                if number_of(delivery) == 5 and delivery.attempt == 1:
                    raise ValueError("not yet")
                handled.append((number_of(delivery), delivery.attempt))
                if delivery.attempt == 2:
                    assert str(delivery.failure) == "not yet"
            if number_of(delivery) == 9:
                consumer.stop()
    assert handled == [(number, 2 if number == 5 else 1) for number in range(10)]
    assert left_for_others(address) == 10


def test_a_delivery_is_settled_by_hand(address: str):
    fill(address, 4)
    with gomq.blocking.Consumer(address, "orders", group="workers", replay=True) as consumer:
        deliveries = consumer.deliveries(dead_letter="dead")
        first = next(deliveries)
        assert first.ack()
        assert not first.is_current
        assert next(deliveries).retry(after=0)
        again = next(deliveries)
        assert (number_of(again), again.attempt) == (1, 2)
        assert again.reject("no use")
        assert number_of(next(deliveries)) == 2
        consumer.commit()
        assert left_for_others(address) == 2, "what is in hand is not committed"
    with gomq.blocking.Consumer(address, "dead", replay=True) as consumer:
        assert dict(next(consumer).headers)["gomq.dead-letter.reason"] == b"no use"


def test_a_message_that_is_given_up_ends_the_iteration(address: str):
    fill(address, 3)
    with gomq.blocking.Consumer(address, "orders", group="workers", replay=True) as consumer:
        deliveries = consumer.deliveries(max_attempts=2, backoff=0.0)
        for _ in range(2):
            assert next(deliveries).retry()
        with pytest.raises(MessageNotHandledError, match="offset 0 not handled after 2 attempts"):
            next(deliveries)
    assert left_for_others(address) in {None, 0}


def test_a_delivery_that_was_forgotten_is_told_of(address: str):
    fill(address, 3)
    with gomq.blocking.Consumer(address, "orders", replay=True) as consumer:
        deliveries = consumer.deliveries()
        next(deliveries)
        with pytest.raises(ConfigurationError, match="offset 0, attempt 1> was neither acknowledged nor given back"):
            next(deliveries)


def test_a_delivery_that_takes_too_long_is_delivered_again(address: str):
    fill(address, 1)
    with gomq.blocking.Consumer(address, "orders", replay=True) as consumer:
        deliveries = consumer.deliveries(ack_timeout=0.05, backoff=0.0)
        with next(deliveries) as late:
            again = next(deliveries)
            assert (number_of(again), again.attempt) == (0, 2)
            assert not late.is_current
        assert again.ack()


def test_threads_have_deliveries_of_their_own(address: str):
    fill(address, 200)
    handled: list[int] = []

    def work(deliveries: gomq.blocking.Deliveries) -> None:
        for delivery in deliveries:
            with delivery:
                handled.append(number_of(delivery))

    with gomq.blocking.Consumer(address, "orders", group="workers", replay=True) as consumer:
        deliveries = consumer.deliveries(concurrency=4, order="key")
        threads = [threading.Thread(target=work, args=(deliveries,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        eventually(lambda: len(handled) == 200)
        consumer.stop()
        for thread in threads:
            thread.join()
    assert sorted(handled) == list(range(200))
    assert left_for_others(address) == 200


def test_deliveries_of_one_partition_wait_for_each_other_in_threads_too(address: str):
    fill(address, 20)
    handled: list[int] = []

    def work(deliveries: gomq.blocking.Deliveries) -> None:
        for delivery in deliveries:
            time.sleep(0.001)  # the others ask meanwhile
            with delivery:
                handled.append(number_of(delivery))

    with gomq.blocking.Consumer(address, "orders", replay=True) as consumer:
        deliveries = consumer.deliveries()
        threads = [threading.Thread(target=work, args=(deliveries,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        eventually(lambda: len(handled) == 20)
        consumer.stop()
        for thread in threads:
            thread.join()
    assert handled == list(range(20))


def test_a_handler_is_an_ordinary_function(address: str):
    fill(address, 20)
    handled: list[tuple[int, int]] = []
    with gomq.blocking.Consumer(address, "orders", group="workers", replay=True) as consumer:

        def handle(delivery: gomq.blocking.Delivery) -> None:
            if number_of(delivery) == 5 and delivery.attempt == 1:
                raise ValueError
            handled.append((number_of(delivery), delivery.attempt))
            if number_of(delivery) == 19:
                threading.Thread(target=consumer.stop).start()
            assert delivery.ack()

        consumer.run(handle, backoff=0.01)
    assert handled == [(number, 2 if number == 5 else 1) for number in range(20)]
    assert left_for_others(address) == 20


def test_as_many_handlers_run_as_was_said(address: str):
    fill(address, 50, partitions=50)
    together = threading.Barrier(50)
    with gomq.blocking.Consumer(address, "orders", replay=True) as consumer:

        def handle(_: gomq.blocking.Delivery) -> None:
            together.wait(10)
            consumer.stop()

        consumer.run(handle, concurrency=50, max_attempts=1)


@pytest.mark.parametrize("form", ["deliveries", "run"])
def test_deliveries_begin_behind_what_was_handed_out(address: str, form: str):
    fill(address, 1000)
    with gomq.blocking.Consumer(address, "orders", group="workers", replay=True) as consumer:
        assert some(consumer, 300)[-1] == 299
        seen: list[int] = []

        def handle(delivery: gomq.blocking.Delivery) -> None:
            seen.append(number_of(delivery))
            consumer.stop()

        if form == "run":
            consumer.run(handle)
        else:
            with next(consumer.deliveries()) as delivery:
                handle(delivery)
    assert seen == [300]
    assert left_for_others(address) == 301


def test_once_stopped_there_are_no_deliveries(address: str):
    fill(address, 3)
    with gomq.blocking.Consumer(address, "orders", replay=True) as consumer:
        consumer.stop()
        assert list(consumer.deliveries()) == []
