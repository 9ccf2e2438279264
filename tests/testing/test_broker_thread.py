"""A broker in a thread: from its start to its end, what is in it, and what a test can do to it."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import gomq
import gomq.blocking
from gomq.errors import (
    BrokerStartError,
    ConfigurationError,
    InvalidPartitionsError,
    MessageTooLargeError,
    TopicAlreadyExistsError,
    UnknownTopicError,
)
from gomq.net.address import parse_address
from gomq.protocol.api import Api
from gomq.testing import BrokerDiedError, BrokerThread
from gomq_storage.layout import TopicPartition
from tests.support.corpus import sample_request
from tests.support.polling import wait_until
from tests.support.wire import connect

ORDERS = TopicPartition("orders", 0)


def loops() -> list[threading.Thread]:
    """The event loops of brokers and clients; what else there is, such as a broker's worker threads, comes and goes."""
    return [thread for thread in threading.enumerate() if thread.name == "gomq.blocking"]


def values(broker: BrokerThread, topic: str) -> list[bytes | None]:
    return [message.value for message in broker.records(topic)]


def test_it_leaves_nothing_behind():
    threads = loops()

    with BrokerThread(topics={"orders": 3}) as broker:
        assert broker.data.is_dir()
        with socket.create_connection(parse_address(broker.address)):
            address, data = broker.address, broker.data
            assert len(loops()) == len(threads) + 1

    assert not data.parent.exists()
    assert loops() == threads
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(parse_address(address))


def test_topics_are_there_from_the_start_with_partitions_or_messages():
    messages: list[bytes | gomq.NewMessage] = [b"a", gomq.NewMessage(b"b", key=b"k", headers={"h": b"1"}, timestamp=42)]
    with BrokerThread(topics={"orders": 3, "bills": messages}) as broker:
        assert broker.topics() == ["bills", "orders"]
        assert broker.records("orders") == []
        first, second = broker.records("bills")

    assert (first.topic, first.partition, first.offset, first.value) == ("bills", 0, 0, b"a")
    assert second == ("bills", 0, 1, 42, b"k", b"b", (("h", b"1"),))


def test_data_that_was_given_stays_and_is_found_again(tmp_path: Path):
    with BrokerThread(tmp_path / "data", topics={"orders": [b"a"]}):
        pass
    assert (tmp_path / "data" / ".kafka_cleanshutdown").exists()

    with BrokerThread(tmp_path / "data") as broker:
        assert values(broker, "orders") == [b"a"]


def test_settings_are_taken_by_any_name_and_bad_ones_refused():
    with BrokerThread(auto_create_topics=False, settings={"num.partitions": 4}) as broker:
        broker.create_topic("orders", configs={"retention.ms": 1000})
        with gomq.blocking.Admin(broker.address) as admin:
            assert len(admin.describe_topic("orders").partitions) == 4
            assert admin.describe_configs("orders")["retention.ms"].value == "1000"

    with pytest.raises(ConfigurationError, match="there is no setting 'nonsense'"):
        BrokerThread(nonsense=1)


def test_a_directory_that_cannot_be_used_is_told_and_leaves_no_thread(tmp_path: Path):
    threads = loops()

    with pytest.raises(BrokerStartError, match="missing"), BrokerThread(tmp_path / "missing" / "data"):
        pass

    assert loops() == threads


def test_a_seed_that_cannot_be_is_told_and_leaves_no_thread():
    threads = loops()

    with pytest.raises(ValueError, match=r"no\.such\.config"), BrokerThread() as broker:
        broker.create_topic("orders", configs={"no.such.config": 1})
    with pytest.raises(InvalidPartitionsError), BrokerThread(topics={"orders": 0}):
        pass

    assert loops() == threads


def test_messages_go_where_their_keys_send_them_as_with_a_producer(thread: BrokerThread):
    thread.create_topic("orders", partitions=5)
    thread.create_topic("others", partitions=5)
    keys = [str(number).encode() for number in range(20)]

    thread.publish("orders", [gomq.NewMessage(b"", key=key) for key in keys])
    with gomq.blocking.Producer(thread.address) as producer:
        producer.publish_many("others", [gomq.NewMessage(b"", key=key) for key in keys])

    ours, theirs = ([(each.key, each.partition) for each in thread.records(name)] for name in ("orders", "others"))
    assert ours == theirs
    assert len({partition for _, partition in ours}) == 5


def test_many_and_large_messages_are_put_into_several_batches(thread: BrokerThread):
    large = [bytes([number]) * 100_000 for number in range(20)]

    thread.publish("orders", large)

    assert values(thread, "orders") == large
    with gomq.blocking.Consumer(thread.address, "orders", replay=True) as consumer:
        assert len(next(consumer).value or b"") == 100_000


def test_messages_that_a_topic_takes_one_by_one_are_not_refused_together(thread: BrokerThread):
    thread.create_topic("small", configs={"max.message.bytes": 1000})
    sizes = [200_000, 1_000_000, 200_000]

    thread.publish("small", [b"x" * 200] * 10)
    thread.publish("orders", [b"x" * size for size in sizes])

    assert len(thread.records("small")) == 10
    assert [len(value or b"") for value in values(thread, "orders")] == sizes


def test_what_a_topic_does_not_take_is_refused_as_a_producer_is_told(thread: BrokerThread):
    with pytest.raises(MessageTooLargeError):
        thread.publish("orders", [b"x" * 2_000_000])
    with pytest.raises(InvalidPartitionsError, match="topic 'orders' has partitions 0 to 0, not 3"):
        thread.publish("orders", [gomq.NewMessage(b"x", partition=3)])
    with pytest.raises(TypeError, match="value is bytes or None, not str"):
        thread.publish("orders", ["text"])  # type: ignore[list-item]

    assert values(thread, "orders") == []


def test_a_topic_that_is_not_there_is_told_with_those_that_are(thread: BrokerThread):
    thread.create_topic("orders")

    with pytest.raises(UnknownTopicError, match="there is no topic 'bills'; there are: orders"):
        thread.records("bills")
    with pytest.raises(TopicAlreadyExistsError):
        thread.create_topic("orders")
    thread.delete_topic("orders")
    assert thread.topics() == []
    with pytest.raises(UnknownTopicError):
        thread.delete_topic("orders")


def test_deleted_records_are_not_read(thread: BrokerThread):
    thread.publish("orders", [b"a", b"b", b"c"])
    with gomq.blocking.Admin(thread.address) as admin:
        admin.delete_records("orders", {0: 1})

    assert values(thread, "orders") == [b"b", b"c"]


def test_what_was_acknowledged_is_there_at_once(thread: BrokerThread):
    with gomq.blocking.Producer(thread.address) as producer:
        for number in range(50):
            producer.publish("orders", str(number).encode())
            assert values(thread, "orders")[-1] == str(number).encode()


def test_offsets_that_a_group_has_committed_are_told(thread: BrokerThread):
    thread.publish("orders", [b"a", b"b"])
    assert thread.committed("billing") == {}

    with gomq.blocking.Consumer(thread.address, "orders", group="billing", replay=True, auto_commit=False) as consumer:
        next(consumer)
        consumer.commit()

    assert thread.committed("billing") == {ORDERS: 1}


def test_pausing_answers_nobody_and_resuming_everybody(thread: BrokerThread):
    thread.publish("orders", [b"a"])
    with gomq.blocking.Producer(thread.address) as producer:
        producer.publish("orders", b"b")
        thread.pause()
        thread.pause()
        publication = producer.publish_nowait("orders", b"c")
        assert values(thread, "orders") == [b"a", b"b"]
        assert not publication.done
        with pytest.raises(RuntimeError, match=r"the broker is paused, and answers nobody: resume\(\) it first"):
            thread.committed("billing")
        thread.resume()
        publication.wait()

    assert values(thread, "orders") == [b"a", b"b", b"c"]


def test_faults_can_be_changed_while_it_is_paused(thread: BrokerThread):
    with gomq.blocking.Producer(thread.address) as producer:
        with thread.faults.delay("Produce", 60.0) as rule:
            publication = producer.publish_nowait("orders", b"a")
            while not rule.hits:
                time.sleep(0.001)
            thread.pause()
        thread.resume()
        publication.wait()


def test_what_was_sent_before_it_was_restored_is_not_seen_afterwards(thread: BrokerThread):
    with socket.create_connection(parse_address(thread.address)) as client:
        for _ in range(20):
            thread.pause()
            client.sendall(sample_request(Api.METADATA, 12))
            thread.restore()
            rule = thread.faults.fail("Metadata", "REQUEST_TIMED_OUT").once()
            client.sendall(sample_request(Api.API_VERSIONS, 3))
            wait_until(lambda: any(asked.api == "ApiVersions" for asked in thread.faults.seen))
            assert [asked.api for asked in thread.faults.seen] == ["ApiVersions"]
            assert rule.hits == 0


def test_a_paused_broker_can_be_stopped():
    with BrokerThread() as broker:
        broker.pause()

    assert not broker.is_running


@pytest.mark.parametrize("kill", [True, False])
def test_data_and_port_outlive_a_kill_and_a_stop(thread: BrokerThread, kill: bool):
    thread.publish("orders", [b"a"])
    address = thread.address

    (thread.kill if kill else thread.stop)()
    with pytest.raises(RuntimeError, match=r"the broker does not run: .* restart\(\) it after a stop"):
        thread.records("orders")
    assert not thread.is_running
    is_clean = (thread.data / ".kafka_cleanshutdown").exists()
    assert is_clean is not kill

    thread.restart()
    assert (thread.address, values(thread, "orders")) == (address, [b"a"])
    thread.restart()
    assert (thread.address, values(thread, "orders")) == (address, [b"a"])


async def test_a_kill_ends_connections_without_an_answer(thread: BrokerThread):
    async with connect(thread.address) as wire:
        await wire.ask(Api.API_VERSIONS, 3, client_software_name="x", client_software_version="1")
        thread.kill()
        assert await wire.is_closed()


def test_nobody_else_gets_the_port_while_it_is_down(thread: BrokerThread):
    address = parse_address(thread.address)
    thread.kill()

    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(address)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
    thread.restart()
    socket.create_connection(address).close()


def test_where_it_listens_can_be_told():
    with BrokerThread(listen="localhost:0") as broker:
        assert broker.address.startswith("localhost:")


def test_clients_go_on_after_a_restart(thread: BrokerThread):
    with gomq.blocking.Producer(thread.address) as producer:
        producer.publish("orders", b"a")
        thread.kill()
        publication = producer.publish_nowait("orders", b"b")
        thread.restart()
        publication.wait()

    assert values(thread, "orders") == [b"a", b"b"]


def test_many_waiting_clients_do_not_hold_up_the_end(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    with BrokerThread(tmp_path / "data", topics={"orders": 1}) as broker:
        consumers = [socket.create_connection(parse_address(broker.address)) for _ in range(20)]
        with gomq.blocking.Consumer(broker.address, "orders") as consumer:
            assert consumer.take(timeout=0.05) == []
            broker.stop()
    assert "connections.cut_off" not in caplog.messages
    for each in consumers:
        each.close()


def test_an_error_in_the_broker_is_raised_to_who_uses_it_next(thread: BrokerThread):
    life = thread._running

    async def break_down() -> None:
        life._broker._group.start_soon(fail)  # type: ignore[union-attr]

    async def fail() -> None:
        raise ZeroDivisionError("a fault of the broker's own")

    life.portal.call(break_down)
    assert isinstance(life._future.exception(timeout=10), ZeroDivisionError)

    with pytest.raises(BrokerDiedError, match="a fault of the broker's own") as caught:
        thread.records("orders")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert "fail" in {entry.name for entry in caught.traceback} | traceback_names(caught.value.__cause__)
    with pytest.raises(BrokerDiedError):
        thread.check()
    assert isinstance(thread.restore(), BrokerDiedError)
    thread.check()
    thread.publish("orders", [b"a"])
    assert values(thread, "orders") == [b"a"]


def traceback_names(error: BaseException) -> set[str]:
    names, traceback = set(), error.__traceback__
    while traceback is not None:
        names.add(traceback.tb_frame.f_code.co_name)
        traceback = traceback.tb_next
    return names


def test_it_can_be_used_again_once_it_has_ended():
    broker = BrokerThread(topics={"orders": [b"a"]})
    for _ in range(2):
        with broker:
            assert values(broker, "orders") == [b"a"]
            with pytest.raises(RuntimeError, match="this BrokerThread is in use"):
                broker.__enter__()


def test_nobody_uses_it_outside_of_its_block():
    with pytest.raises(RuntimeError, match=r"use it within `with BrokerThread\(...\)`"):
        BrokerThread().restart()
    with pytest.raises(RuntimeError, match=r"use it within `with BrokerThread\(...\)`"):
        _ = BrokerThread().address


async def test_it_is_of_use_on_any_event_loop(thread: BrokerThread):
    async with gomq.Producer(thread.address) as producer, thread.expect("orders", 2) as new:
        await producer.publish_many("orders", [b"a", b"b"])
    async with gomq.Consumer(thread.address, "orders", group="billing", replay=True) as consumer:
        await thread.wait_for_group_async("billing")
        assert (await anext(consumer)).value == b"a"

    assert [message.value for message in new] == [b"a", b"b"]


FORKED = """
import os, sys
sys.modules["hypothesis"] = None  # as where GoMQ is used
from gomq.testing import BrokerThread
with BrokerThread() as broker:
    if not (child := os.fork()):
        sys.exit(7)  # leaves the block
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    broker.publish("orders", [b"a"])
    assert len(broker.records("orders")) == 1
    assert broker.data.exists()
"""


def test_a_child_process_leaves_the_broker_alone():
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORKED], check=True, timeout=30)


INTERRUPTED = """
import os, signal, sys, threading, time, traceback
sys.modules["hypothesis"] = None  # as where GoMQ is used
from gomq.testing import BrokerThread
before = set(os.listdir("/proc/self/fd"))
main = threading.get_ident()

def interrupt():
    while "wait_for_group" not in {frame.name for frame in traceback.extract_stack(sys._current_frames()[main])}:
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGINT)

interrupting = threading.Thread(target=interrupt)
try:
    with BrokerThread() as broker:
        print(broker.data.parent, flush=True)
        interrupting.start()
        broker.wait_for_group("nobody", timeout=20)
except KeyboardInterrupt:
    interrupting.join()
    print(broker.data.parent.exists(), threading.active_count(), set(os.listdir("/proc/self/fd")) == before)
"""


def test_ctrl_c_ends_whatever_waits_and_the_broker_with_all_that_it_has_open():
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=30, check=True)

    data, *found = done.stdout.split()
    assert found == ["False", "1", "True"]
    assert not Path(data).exists()
    assert signal.SIGINT.name not in done.stderr
    assert os.path.basename(data).startswith("gomq-")
