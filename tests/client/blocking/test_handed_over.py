"""Messages between the event loop's thread and others: values only."""

from hypothesis import given, strategies as st

from gomq.blocking.chunks import chunks, joined
from gomq.blocking.handed import HandedOver
from gomq.client.message import Message, NewMessage, OffsetRange, Published
from gomq_storage.layout import TopicPartition


def message(partition: int, offset: int) -> Message:
    return Message("orders", partition, offset, -1, None, b"", ())


@given(st.lists(st.sampled_from(["next", "drop", "drop 0", "fill"]), max_size=60))
def test_every_message_is_handed_out_once_and_in_the_order_of_its_partition(steps):
    handed = HandedOver(clock=lambda: 0.0)
    positions = {0: 0, 1: 0}  # where the asynchronous consumer is
    seen: dict[int, list[int]] = {0: [], 1: []}
    for step in [*steps, *["next", "fill"] * 20]:
        if step == "next":
            if (found := handed.next()) is not None:
                seen[found.partition].append(found.offset)
        elif step == "fill":
            if not handed.positions().keys() - handed.returns().keys():  # all that is here is handed out, or dropped
                for target, offset in handed.returns().items():
                    positions[target.partition] = offset
                    handed.returned(target)
                come = [message(partition, positions[partition] + more) for more in (0, 1) for partition in (0, 1)]
                positions = {partition: offset + 2 for partition, offset in positions.items()}
                handed.put(come)
        else:
            handed.drop(None if step == "drop" else {TopicPartition("orders", 0)})
    for offsets in seen.values():
        assert offsets == list(range(len(offsets)))


def test_fewer_messages_come_at_a_time_where_they_are_handed_out_slowly():
    now = 0.0
    handed = HandedOver(clock=lambda: now)
    sizes = [handed.next_size() for _ in range(12)]
    assert sizes == [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2000, 2000]
    now = 1.0
    assert [handed.next_size() for _ in range(12)] == [1000, 500, 250, 125, 62, 31, 15, 7, 3, 1, 1, 1]


def test_a_partition_that_goes_on_elsewhere_is_not_gone_back_to():
    handed = HandedOver()
    handed.put([message(0, 5), message(1, 7), message(0, 6)])
    assert handed.positions() == {TopicPartition("orders", 0): 5, TopicPartition("orders", 1): 7}
    handed.forget(TopicPartition("orders", 0))
    assert handed.positions() == {TopicPartition("orders", 1): 7}
    assert handed.returns() == {}


@given(
    st.lists(st.one_of(st.binary(max_size=8), st.builds(NewMessage, st.none() | st.binary(max_size=8))), max_size=20)
)
def test_chunks_hold_the_messages_in_their_order(messages):
    assert [each for chunk in chunks(iter(messages)) for each in chunk] == messages


def test_large_messages_go_alone():
    large = bytes(5 << 20)
    assert list(map(len, chunks([large, large, b"", b""]))) == [1, 1, 2]
    assert list(map(len, chunks([b""] * 20_001))) == [10_000, 10_000, 1]


def test_what_was_stored_adds_up():
    first = Published(topic="orders", count=3, offsets={0: OffsetRange(4, 5), 1: OffsetRange(0, 0)})
    more = Published(topic="orders", count=2, offsets={0: OffsetRange(6, 6), 2: OffsetRange(9, 9)})
    assert joined(first, more) == Published(
        topic="orders", count=5, offsets={0: OffsetRange(4, 6), 1: OffsetRange(0, 0), 2: OffsetRange(9, 9)}
    )
