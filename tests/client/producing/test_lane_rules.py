"""The rules of a lane, one by one: what may be on its way, what is sent again, and when numbers begin anew."""

import pytest

from gomq.client.producing.identity import MAX_EPOCH, MAX_SEQUENCE, NO_IDENTITY, Identity, sequence_behind
from gomq.client.producing.lane import Lane
from tests.client.producing.test_lane import TARGET, Log, Some


def lane_with(count: int, *, proven: bool = True) -> tuple[Lane[Some], list[Some]]:
    lane: Lane[Some] = Lane(TARGET, is_idempotent=True)
    lane.begin(Identity(7, 0))
    lane.is_proven = proven
    batches = [Some(name, 2) for name in range(count)]
    lane.waiting.extend(batches)
    return lane, batches


def send_all(lane: Lane[Some]) -> list[Some]:
    sent = []
    while lane.due_at(linger=0) < 10:
        sent.append(lane.take())
    return sent


def test_five_batches_are_on_their_way_once_one_is_acknowledged():
    lane, batches = lane_with(8, proven=False)
    assert send_all(lane) == batches[:1]
    lane.acknowledged(batches[0])
    assert send_all(lane) == batches[1:6]
    assert [batch.sequence for batch in batches[:6]] == [0, 2, 4, 6, 8, 10]


def test_an_open_batch_fills_while_others_are_on_their_way():
    lane, batches = lane_with(2)
    batches[1].body = None
    assert send_all(lane) == batches[:1]
    lane.acknowledged(batches[0])
    assert send_all(lane) == batches[1:]


def test_what_is_sent_again_goes_alone_and_in_order():
    lane, batches = lane_with(3)
    send_all(lane)
    for batch in batches:
        lane.failed(batch, may_be_stored=True, retry_at=0)
    for batch in batches:
        assert send_all(lane) == [batch]
        lane.acknowledged(batch)
    assert {batch.identity for batch in batches} == {Identity(7, 0)}


def test_behind_a_refused_batch_the_numbers_begin_anew_in_the_next_epoch():
    lane, batches = lane_with(3)
    send_all(lane)
    lane.refused(batches[0])
    for batch in batches[1:]:
        assert lane.out_of_order(batch, retry_at=0)
    assert send_all(lane) == batches[1:2]
    assert (batches[1].identity, batches[1].sequence) == (Identity(7, 1), 0)


def test_what_may_be_stored_never_gets_other_numbers():
    lane, (batch,) = lane_with(1)
    send_all(lane)
    lane.failed(batch, may_be_stored=True, retry_at=0)
    send_all(lane)
    assert not lane.out_of_order(batch, retry_at=0)


def test_a_producer_that_its_broker_does_not_know_begins_anew():
    lane, (batch,) = lane_with(1)
    send_all(lane)
    lane.failed(batch, may_be_stored=True, retry_at=0)
    send_all(lane)
    lane.forgotten(batch, retry_at=0)
    assert send_all(lane) == [batch]
    assert (batch.identity, batch.sequence) == (Identity(7, 1), 0)


@pytest.mark.parametrize("why", ["fenced", "the last epoch"])
def test_a_new_producer_id_is_wanted_where_no_epoch_helps(why: str):
    lane, (batch,) = lane_with(1)
    lane.identity = Identity(7, MAX_EPOCH if why == "the last epoch" else 3)
    send_all(lane)
    if why == "fenced":
        assert lane.fenced(batch, retry_at=0)
    else:
        assert lane.out_of_order(batch, retry_at=0)
    assert lane.needs_identity
    assert lane.spent_id == 7
    lane.begin(Identity(8, 0))
    assert send_all(lane) == [batch]


def test_the_halves_of_a_batch_take_its_place_and_its_numbers():
    lane, batches = lane_with(3)
    send_all(lane)
    halves = [Some(10, 1), Some(11, 1)]
    lane.replaced(batches[0], halves)
    assert [batch.sequence for batch in lane.travelling] == [0, 1, 2, 4]
    assert send_all(lane) == halves[:1]


def test_without_idempotence_one_batch_is_on_its_way_and_has_no_numbers():
    lane: Lane[Some] = Lane(TARGET, is_idempotent=False)
    batches = [Some(name, 2) for name in range(3)]
    lane.waiting.extend(batches)
    assert send_all(lane) == batches[:1]
    lane.replaced(batches[0], halves := [Some(10, 1), Some(11, 1)])
    for batch in [*halves, *batches[1:]]:
        assert send_all(lane) == [batch]
        lane.failed(batch, may_be_stored=True, retry_at=0)
        assert send_all(lane) == [batch]
        lane.acknowledged(batch)
        assert batch.identity == NO_IDENTITY
    assert lane.is_idle


def test_numbers_wrap_as_kafkas_do():
    assert sequence_behind(MAX_SEQUENCE, 1) == 0
    assert sequence_behind(MAX_SEQUENCE - 1, 1) == MAX_SEQUENCE
    assert sequence_behind(MAX_SEQUENCE - 1, 5) == 3
    log, lane = Log(), Lane[Some](TARGET, is_idempotent=True)
    lane.begin(Identity(7, 0))
    lane.next_sequence = MAX_SEQUENCE - 2
    for name in range(3):
        lane.waiting.append(Some(name, 2))
        batch = lane.take()
        assert log.append(batch) == "stored"
        lane.acknowledged(batch)
    assert lane.next_sequence == 3
