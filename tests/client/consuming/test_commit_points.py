"""What counts as processed: all that was handed out, apart from what is still in hand."""

import anyio
import pytest

from gomq.client.consuming.buffer import FetchBuffer
from gomq.client.consuming.intake import Intake
from gomq.client.consuming.reader import Reader
from gomq.client.consuming.settings import ConsumerSettings, ReadPolicy
from gomq.client.message import Message
from gomq_storage.layout import TopicPartition
from tests.client.consuming.test_consuming_tasks import chunk_of
from tests.support.waiting import until

FIRST, SECOND = TopicPartition("orders", 0), TopicPartition("orders", 1)


@pytest.fixture
def reader() -> Reader:
    """Three messages of each of two partitions."""
    buffer = FetchBuffer(max_bytes=1 << 20)
    reader = Reader(buffer)
    reader.start({FIRST: 0, SECOND: 10})
    buffer.put(chunk_of(b"a", b"b", b"c"))
    buffer.put(chunk_of(b"x", b"y", b"z", partition=1, first=10))
    return reader


async def following(reader: Reader) -> Message:
    """The next message, as the consumer hands it out."""
    for message in reader.unread:
        return message
    with anyio.fail_after(20):
        assert await reader.load()
    return next(reader.unread)


async def test_a_message_is_done_with_when_the_next_one_is_asked_for(reader: Reader):
    assert reader.commit_points() == {FIRST: 0, SECOND: 10}
    for points in (
        {FIRST: 0, SECOND: 10},
        {FIRST: 1, SECOND: 10},
        {FIRST: 2, SECOND: 10},
        {FIRST: 3, SECOND: 10},
        {FIRST: 3, SECOND: 11},
        {FIRST: 3, SECOND: 12},
    ):
        await following(reader)
        assert reader.commit_points() == points
    with anyio.move_on_after(0.01):
        await reader.load()
    assert reader.commit_points() == {FIRST: 3, SECOND: 13}


async def test_a_batch_is_done_with_when_more_is_asked_for(reader: Reader):
    await following(reader)
    reader.let_go()
    batch = reader.next()
    assert batch is not None
    reader.hand_out(batch)
    assert (batch.offsets, reader.commit_points()) == ([1, 2], {FIRST: 1, SECOND: 10})
    reader.let_go()
    assert reader.commit_points() == {FIRST: 3, SECOND: 10}


async def test_what_was_taken_is_done_with_together(reader: Reader):
    assert len(reader.take(5)) == 5
    assert reader.commit_points() == {FIRST: 0, SECOND: 10}
    assert (reader.position(FIRST), reader.position(SECOND)) == (3, 12)
    reader.let_go()
    assert reader.commit_points() == {FIRST: 3, SECOND: 12}


async def test_what_is_drained_is_finished_first_and_no_more_of_it_comes(reader: Reader):
    await following(reader)
    waited = False

    async def drain() -> None:
        nonlocal waited
        await reader.wait_until_let_go([FIRST])
        waited = True

    async with anyio.create_task_group() as group:
        reader.retract([FIRST])
        reader._buffer.drop([FIRST])
        assert reader.commit_points() == {FIRST: 0, SECOND: 10}
        group.start_soon(drain)
        await anyio.wait_all_tasks_blocked()
        assert not waited
        assert (await following(reader)).value == b"x"
        await until(lambda: waited)
        assert reader.commit_points() == {FIRST: 1, SECOND: 10}


async def test_nothing_in_hand_of_a_partition_needs_no_waiting(reader: Reader):
    await following(reader)
    with anyio.fail_after(20):
        await reader.wait_until_let_go([SECOND])


async def test_another_offset_is_where_it_goes_on_whatever_is_in_hand(reader: Reader):
    await following(reader)
    reader.start({FIRST: 7})
    assert reader.commit_points() == {FIRST: 7, SECOND: 10}


async def test_what_is_given_away_has_no_point_any_more(reader: Reader):
    await following(reader)
    reader.forget([FIRST])
    assert reader.commit_points() == {SECOND: 10}


async def test_what_is_dropped_at_the_end_was_not_handed_out():
    intake = Intake(ConsumerSettings(), ReadPolicy())
    intake.reader.start({FIRST: 0})
    intake._buffer.put(chunk_of(b"a", b"b", b"c"))
    await following(intake.reader)
    await following(intake.reader)
    intake.stop()

    assert intake.position(FIRST) == 2
    assert intake.reader.commit_points() == {FIRST: 1}
    assert not await intake.load()
    assert intake.reader.commit_points() == {FIRST: 2}
