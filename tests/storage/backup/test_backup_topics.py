"""Topics come and go while a data directory is copied: one is in the backup wholly, or not at all."""

import json
import uuid

from gomq_storage.layout import TopicPartition
from tests.support.backing_up import (
    OFFSETS,
    ORDERS,
    SMALL,
    STATES_LOG,
    EachTime,
    Meanwhile,
    Serving,
    fill,
    offset_key,
    restored,
    saved,
    state_of,
    topics_of,
    values_of,
)
from tests.support.log_batches import NOW, batch_of, values_in


def test_a_topic_that_is_deleted_meanwhile_is_not_in_the_backup(serving: Serving):
    fill(serving.create(TopicPartition("other", 0)), 0, 3)
    for number, name in enumerate(("orders-0/00000000000000000000.log", "orders-0/partition.metadata", STATES_LOG)):
        if ORDERS not in serving.logs:
            fill(serving.create(ORDERS), 0, 20)
        files = Meanwhile(name, lambda: serving.delete(ORDERS), at=number)
        report = saved(serving, files=files, now_ms=NOW + number)
        assert files.happened
        assert not (report.path / "orders-0").exists()
        assert (report.path / "other-0").exists()
        assert topics_of(serving) == {"other"}


def test_a_topic_that_is_made_anew_meanwhile_is_the_new_one(serving: Serving):
    fill(serving.create(ORDERS), 0, 20)
    serving.logs[ORDERS].advance_start(17)
    serving.directory.save_checkpoints()

    def make_anew() -> None:
        serving.delete(ORDERS)
        fill(serving.create(ORDERS), 50, 52)

    for number, name in enumerate(("orders-0/00000000000000000000.log", STATES_LOG)):
        files = Meanwhile(name, make_anew, at=number)
        saved(serving, files=files, now_ms=NOW + number)
        assert files.happened
        with restored(serving) as open_log:
            copy = open_log(ORDERS)
            assert copy.log_start == 0
            assert values_in(copy) == values_in(serving.logs[ORDERS])


def test_a_topic_that_is_made_anew_time_and_again_is_whole_or_not_in_the_backup(serving: Serving):
    """Whatever is looked at, it is another one behind that look."""
    fill(serving.create(ORDERS), 0, 5)
    fill(serving.create(TopicPartition("other", 0)), 0, 5)

    def make_anew() -> None:
        serving.delete(ORDERS)
        fill(serving.create(ORDERS), 0, 5)

    for number, name in enumerate(("orders-0/partition.metadata", STATES_LOG, ".log")):
        saved(serving, files=EachTime(name, make_anew), now_ms=NOW + number)
        there = topics_of(serving)
        assert "other" in there
        with restored(serving) as open_log:
            assert values_in(open_log(TopicPartition("other", 0))) == values_in(
                serving.logs[TopicPartition("other", 0)]
            )
            assert "orders" not in there or len(values_in(open_log(ORDERS))) == 15


def test_a_topic_that_is_made_while_others_are_copied_is_in_the_backup(serving: Serving):
    fill(serving.create(ORDERS), 0, 3)
    new = TopicPartition("new", 0)

    saved(serving, files=Meanwhile("orders-0/partition.metadata", lambda: fill(serving.create(new), 0, 3)))

    assert topics_of(serving) == {"orders", "new"}
    with restored(serving) as open_log:
        assert open_log(new).log_end == 9


def test_a_topic_that_is_made_at_the_end_is_taken_back_in_the_backup_and_not_in_the_one_before(serving: Serving):
    """What is linked to the backup before is not changed there."""
    fill(serving.create(ORDERS), 0, 3)
    first = saved(serving, keep=9)
    kept = {path: path.read_bytes() for path in first.path.rglob("*") if path.is_file()}
    new = TopicPartition("new", 0)

    second = saved(serving, files=Meanwhile(STATES_LOG, lambda: serving.create(new), at=2), now_ms=NOW + 1, keep=9)

    assert topics_of(serving) == {"orders"}
    assert not (second.path / "new-0").exists()
    assert {path: path.read_bytes() for path in kept} == kept
    third = saved(serving, now_ms=NOW + 2)
    assert topics_of(serving) == {"orders", "new"}
    assert (third.path / STATES_LOG).read_bytes() == (serving.path / STATES_LOG).read_bytes()


def test_partitions_that_are_added_at_the_end_are_not_in_the_backup(serving: Serving):
    fill(serving.create(ORDERS), 0, 3)

    def add() -> None:
        topic_id = json.loads(state_of(serving.path)[b"topic/orders"])["id"]
        value = {"id": topic_id, "partitions": 2, "configs": {"retention.ms": "7"}}
        serving.state.append(batch_of(json.dumps(value).encode(), key=b"topic/orders"))

    report = saved(serving, files=Meanwhile(STATES_LOG, add, at=2))

    found = json.loads(state_of(report.path)[b"topic/orders"])
    assert (found["partitions"], found["configs"]) == (1, {"retention.ms": "7"})


def test_a_folder_that_no_topic_speaks_of_is_left_out(serving: Serving):
    serving.create(ORDERS)
    stray = TopicPartition("stray", 0)
    serving.logs[stray] = serving.directory.create_log(stray, topic_id=uuid.uuid4(), config=SMALL)

    report = saved(serving)

    assert not (report.path / "stray-0").exists()


def test_a_partition_that_is_missing_at_the_broker_does_not_take_its_topic_with_it(serving: Serving):
    serving.create(ORDERS, partitions=2)

    saved(serving)

    assert topics_of(serving) == {"orders"}


def test_what_was_committed_for_a_topic_that_was_made_anew_is_not_in_the_backup(serving: Serving):
    """It may be further than the new one's messages are."""
    committed = serving.create(OFFSETS)
    fill(serving.create(TopicPartition("other", 0)), 0, 2)
    fill(serving.create(ORDERS), 0, 2)
    for topic in (b"orders", b"other"):
        committed.append(batch_of(b"6", key=offset_key(b"readers", topic)))

    def make_anew() -> None:
        serving.delete(ORDERS)
        serving.create(ORDERS)

    report = saved(serving, files=Meanwhile("orders-0/partition.metadata", make_anew))

    assert topics_of(serving) == {"orders", "other", "__consumer_offsets"}
    assert set(values_of(report.path, OFFSETS)) == {offset_key(b"readers", b"other")}
    assert len(values_of(serving.path, OFFSETS)) == 2


def test_offsets_that_are_first_committed_meanwhile_are_not_in_the_backup(serving: Serving):
    fill(serving.create(ORDERS), 0, 2)

    def commit() -> None:
        fill(serving.logs[ORDERS], 2, 9)
        serving.create(OFFSETS).append(batch_of(b"27", key=offset_key(b"readers", b"orders")))

    report = saved(serving, files=Meanwhile(STATES_LOG, commit, at=1))

    assert topics_of(serving) == {"orders"}
    assert not (report.path / str(OFFSETS)).exists()


def test_offsets_of_groups_are_never_ahead_of_the_messages(serving: Serving):
    """They are copied first: what is committed while messages are copied is not in the backup."""
    log, committed = serving.create(ORDERS), serving.create(OFFSETS)
    fill(log, 0, 2)

    def commit() -> None:
        fill(log, 2, 4)
        fill(committed, 0, 1)

    saved(serving, files=Meanwhile("orders-0/00000000000000000000.log", commit))

    with restored(serving) as open_log:
        assert open_log(OFFSETS).log_end == 0
        assert open_log(ORDERS).log_end == 12
