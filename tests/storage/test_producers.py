"""A log takes each batch of an idempotent producer once and in order."""

import pytest

from gomq_storage.batch import BatchHeader
from gomq_storage.errors import InvalidProducerEpochError, OutOfOrderSequenceError
from gomq_storage.producers import MAX_PRODUCERS, MAX_SEQUENCE, ActiveProducer, AppendedBatch, Producers
from tests.support.producer_headers import MARKER, TRANSACTIONAL, header_of


def noted(*headers: BatchHeader) -> Producers:
    producers = Producers()
    for header in headers:
        producers.note(header)
    return producers


def test_batches_in_their_order_are_taken():
    producers = Producers()

    for sequence in range(0, 40, 4):
        header = header_of(7, sequence, offset=100 + sequence, count=4)
        assert producers.check(header) is None
        producers.note(header)

    assert producers.end == 140
    assert producers.active() == [ActiveProducer(7, 0, 39, 139, 3, 0, -1, -1)]


def test_a_duplicate_of_one_of_the_last_five_is_answered_with_the_offsets_of_that_one():
    sent = [header_of(7, 2 * number, offset=10 * number, count=2, time=number) for number in range(6)]
    producers = noted(*sent)

    for number, header in enumerate(sent[1:], 1):
        again = header._replace(base_offset=0)
        assert producers.check(again) == AppendedBatch(10 * number, 10 * number + 1, number, 2 * number, 2 * number + 1)
    with pytest.raises(OutOfOrderSequenceError):
        producers.check(sent[0])


def test_part_of_a_batch_is_no_duplicate_of_it():
    producers = noted(header_of(7, 0, count=4))

    for sequence, count in ((0, 3), (1, 3), (0, 5)):
        with pytest.raises(OutOfOrderSequenceError):
            producers.check(header_of(7, sequence, count=count))


def test_a_gap_is_refused():
    producers = noted(header_of(7, 0, count=4))

    with pytest.raises(OutOfOrderSequenceError) as refused:
        producers.check(header_of(7, 5))

    assert (refused.value.producer_id, refused.value.sequence, refused.value.expected) == (7, 5, 4)
    assert producers.check(header_of(7, 4)) is None


@pytest.mark.parametrize("sequence", [0, 17, MAX_SEQUENCE])
@pytest.mark.parametrize("epoch", [0, 3])
def test_a_producer_that_is_not_known_may_start_anywhere(sequence: int, epoch: int):
    assert Producers().check(header_of(7, sequence, epoch=epoch)) is None


def test_producers_do_not_disturb_each_other():
    producers = noted(header_of(7, 0), header_of(8, 50), header_of(7, 1))

    assert producers.check(header_of(8, 51)) is None
    assert producers.check(header_of(7, 2)) is None


def test_a_newer_epoch_starts_at_zero_and_forgets_the_older():
    producers = noted(header_of(7, 0, epoch=1))

    with pytest.raises(OutOfOrderSequenceError) as refused:
        producers.check(header_of(7, 1, epoch=2))
    assert refused.value.expected == 0
    newer = header_of(7, 0, epoch=2, offset=1)
    assert producers.check(newer) is None
    producers.note(newer)

    assert producers.check(newer) == AppendedBatch(1, 1, 0, 0, 0)


def test_an_older_epoch_is_refused_even_where_it_goes_on():
    producers = noted(header_of(7, 0, epoch=2))

    with pytest.raises(InvalidProducerEpochError) as refused:
        producers.check(header_of(7, 1, epoch=1))

    assert (refused.value.producer_id, refused.value.epoch, refused.value.current) == (7, 1, 2)


def test_sequence_numbers_start_again_behind_the_largest():
    within = header_of(7, MAX_SEQUENCE - 1, count=4, offset=5)  # 2^31 - 2, 2^31 - 1, 0, 1
    producers = noted(within)

    assert producers.check(within) == AppendedBatch(5, 8, 0, MAX_SEQUENCE - 1, 1)
    assert producers.check(header_of(7, 2)) is None
    assert noted(header_of(7, MAX_SEQUENCE)).check(header_of(7, 0)) is None


def test_a_batch_without_a_producer_only_moves_the_end():
    producers = noted(header_of(-1, -1, epoch=-1, offset=10, count=5))

    assert (producers.end, len(producers)) == (15, 0)


def test_what_is_in_the_log_is_taken_as_it_is():
    producers = noted(header_of(7, 5, epoch=3), header_of(7, 90, epoch=3), header_of(7, 40, epoch=1, offset=2))

    assert producers.active() == [ActiveProducer(7, 1, 40, 2, 0, 0, -1, -1)]
    assert producers.check(header_of(7, 41, epoch=1)) is None


def test_a_transaction_begins_with_its_first_batch_and_ends_with_the_marker():
    producers = noted(header_of(7, 0, kind=TRANSACTIONAL, offset=3), header_of(7, 1, kind=TRANSACTIONAL, offset=4))
    assert producers.active()[0].txn_first_offset == 3

    producers.note(header_of(7, -1, kind=MARKER, offset=5, time=99), coordinator_epoch=12)

    # The marker is no data: last offset and sequence stay.
    assert producers.active() == [ActiveProducer(7, 0, 1, 4, 0, 99, 12, -1)]
    assert producers.end == 6
    assert producers.check(header_of(7, 2)) is None


def test_a_marker_that_raises_the_epoch_starts_the_numbers_again():
    producers = noted(header_of(7, 0, kind=TRANSACTIONAL), header_of(7, -1, epoch=1, kind=MARKER, offset=1))

    assert producers.active() == [ActiveProducer(7, 1, -1, -1, 0, 0, -1, -1)]
    with pytest.raises(OutOfOrderSequenceError):
        producers.check(header_of(7, 1, epoch=1))
    assert producers.check(header_of(7, 0, epoch=1)) is None


def test_a_marker_keeps_the_coordinator_epoch_unless_it_tells_one():
    producers = Producers()
    producers.note(header_of(7, -1, kind=MARKER), coordinator_epoch=12)
    producers.note(header_of(7, -1, kind=MARKER))

    assert producers.active()[0].coordinator_epoch == 12


def test_what_compaction_left_of_a_marker_says_nothing():
    begun = header_of(7, 0, kind=TRANSACTIONAL)
    emptied = header_of(7, -1, epoch=9, kind=MARKER, offset=1)._replace(record_count=0)

    assert noted(begun, emptied).active() == noted(begun).active()
    assert noted(emptied).check(header_of(7, 30)) is None


def test_after_batches_without_numbers_they_start_at_zero():
    """As a group coordinator writes them in a transaction."""
    producers = noted(header_of(7, -1, kind=TRANSACTIONAL, count=3), header_of(7, -1, kind=TRANSACTIONAL, offset=3))
    told = producers.active()

    assert told == [ActiveProducer(7, 0, -1, 3, 0, 0, -1, 0)]
    for each in (producers, Producers.restored(told, end=4)):
        assert each.active() == told
        assert each.check(header_of(7, 0)) is None


def test_silent_producers_are_forgotten_but_not_one_with_an_open_transaction():
    producers = noted(header_of(1, 0, time=100), header_of(2, 0, time=200), header_of(3, 0, time=0, kind=TRANSACTIONAL))

    assert producers.expire(now_ms=1199, expiration_ms=1000) == 1
    assert [producer.producer_id for producer in producers.active()] == [2, 3]
    assert producers.expire(now_ms=1200, expiration_ms=1000) == 1
    assert producers.expire(now_ms=10**9, expiration_ms=1000) == 0
    assert producers.check(header_of(1, 77)) is None


def test_a_flood_of_producers_drops_the_most_silent_first():
    producers = noted(header_of(0, 0, time=-1, kind=TRANSACTIONAL))
    for producer_id in range(1, MAX_PRODUCERS + 2):
        producers.note(header_of(producer_id, 0, time=producer_id))
        assert len(producers) <= MAX_PRODUCERS

    first, *others = [producer.producer_id for producer in producers.active()]
    assert first == 0  # its transaction is open
    assert others == list(range(others[0], MAX_PRODUCERS + 2))
    assert len(others) > 0.8 * MAX_PRODUCERS


def test_no_transaction_makes_the_bound_give_way():
    producers = Producers()

    for producer_id in range(MAX_PRODUCERS + 10):
        producers.note(header_of(producer_id, 0, time=-producer_id, kind=TRANSACTIONAL))

    assert len(producers) <= MAX_PRODUCERS
    assert producers.check(header_of(MAX_PRODUCERS + 9, 1)) is None


def test_more_producers_than_are_kept_are_restored_without_the_most_silent():
    told = [ActiveProducer(producer_id, 0, 0, 0, 0, -producer_id, -1, -1) for producer_id in range(MAX_PRODUCERS + 5)]

    assert Producers.restored(told, end=1).active() == told[:MAX_PRODUCERS]
