"""The epochs of a log: ascending whatever is assigned, looked up as Kafka does, in Kafka's text."""

import pytest
from hypothesis import example, given, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gomq_storage.batch import NO_LEADER_EPOCH
from gomq_storage.epochs import MAX_EPOCH, UNDEFINED, EpochEnd, EpochStart, LeaderEpochs
from gomq_storage.errors import CorruptFileError
from gomq_storage.layout import MAX_OFFSET

small = st.integers(0, 12)
epoch_lists = st.lists(
    st.builds(EpochStart, small | st.integers(0, MAX_EPOCH), small | st.integers(0, MAX_OFFSET)), max_size=12
)
THREE = (EpochStart(2, 0), EpochStart(5, 10), EpochStart(9, 30))


class EpochsMachine(RuleBasedStateMachine):
    """Any changes, against a list that is filtered."""

    def __init__(self) -> None:
        super().__init__()
        self.epochs = LeaderEpochs()
        self.model: list[EpochStart] = []

    @rule(epoch=small, first=small, records=st.integers(1, 4))
    def observe(self, epoch: int, first: int, records: int) -> None:
        last = first + records - 1
        at = ([NO_LEADER_EPOCH] + [each.epoch for each in self.model if each.start_offset <= first])[-1]
        if at == epoch:
            self.model = [each for each in self.model if not first < each.start_offset <= last]
        else:
            self.model = [each for each in self.model if each.epoch <= epoch and each.start_offset <= first]
            if not self.model or self.model[-1].epoch != epoch:
                self.model = [each for each in self.model if each.start_offset < first]
                self.model.append(EpochStart(epoch, first))
        self.epochs.observe(epoch, first, last)
        assert {self.epochs.at(offset) for offset in range(first, last + 1)} == {epoch}

    @rule(epoch=small, start=small)
    def assign(self, epoch: int, start: int) -> None:
        before = list(self.model)
        if not (before and before[-1].epoch == epoch and before[-1].start_offset <= start):
            self.model = [each for each in before if each.epoch < epoch and each.start_offset < start]
            self.model.append(EpochStart(epoch, start))
        assert self.epochs.assign(epoch, start) is (self.model != before)

    @rule(offset=st.integers(-1, 13))
    def cut_end(self, offset: int) -> None:
        before = list(self.model)
        if offset >= 0:
            self.model = [each for each in before if each.start_offset < offset]
        assert self.epochs.cut_end(offset) is (self.model != before)

    @rule(offset=st.integers(-1, 13))
    def cut_start(self, offset: int) -> None:
        before = list(self.model)
        first = [EpochStart(each.epoch, offset) for each in before if each.start_offset <= offset][-1:]
        self.model = first + [each for each in before if each.start_offset > offset]
        assert self.epochs.cut_start(offset) is (self.model != before)

    @rule(epoch=st.integers(-2, 13), log_end=st.integers(13, 20))
    def end_of(self, epoch: int, log_end: int) -> None:
        newer = [each.start_offset for each in self.model if each.epoch > epoch]
        upto = [each.epoch for each in self.model if each.epoch <= epoch]
        if epoch == self.epochs.latest and self.model:
            expected = EpochEnd(epoch, log_end)
        elif epoch == NO_LEADER_EPOCH or not newer:
            expected = UNDEFINED
        else:
            expected = EpochEnd(upto[-1] if upto else epoch, newer[0])
        assert self.epochs.end_of(epoch, log_end=log_end) == expected

    @invariant()
    def they_are_the_models_and_their_text_says_the_same(self) -> None:
        assert self.epochs.entries == tuple(self.model)
        assert self.epochs.latest == (self.model[-1].epoch if self.model else NO_LEADER_EPOCH)
        assert LeaderEpochs.decode(self.epochs.encode()).entries == self.epochs.entries


TestEpochs = EpochsMachine.TestCase


def test_the_text_is_kafkas():
    assert LeaderEpochs([EpochStart(0, 1), EpochStart(1, 2)]).encode() == b"0\n2\n0 1\n1 2\n"
    assert LeaderEpochs.decode(b"0\n1\n0 0\n").entries == (EpochStart(0, 0),)
    assert LeaderEpochs().encode() == b"0\n0\n"


def test_the_empty_file_that_kafka_makes_for_a_new_log_has_no_epochs():
    assert LeaderEpochs.decode(b"").entries == ()


def test_the_newest_epoch_ends_at_the_log_end():
    assert LeaderEpochs(THREE).end_of(9, log_end=44) == EpochEnd(9, 44)


def test_an_epoch_ends_where_the_next_one_starts():
    assert LeaderEpochs(THREE).end_of(5, log_end=44) == EpochEnd(5, 30)


def test_an_epoch_without_records_is_answered_with_the_one_before_it():
    assert LeaderEpochs(THREE).end_of(7, log_end=44) == EpochEnd(5, 30)


def test_an_epoch_older_than_all_is_answered_with_itself_and_where_they_start():
    assert LeaderEpochs(THREE[1:]).end_of(2, log_end=44) == EpochEnd(2, 10)


@pytest.mark.parametrize("epoch", [10, MAX_EPOCH, NO_LEADER_EPOCH])
def test_a_newer_epoch_and_none_are_undefined(epoch: int):
    assert LeaderEpochs(THREE).end_of(epoch, log_end=44) == UNDEFINED
    assert LeaderEpochs().end_of(0, log_end=44) == UNDEFINED


def test_an_epoch_that_starts_again_stays_where_it_was_unless_it_starts_earlier():
    epochs = LeaderEpochs(THREE)

    assert not epochs.assign(9, 40)
    assert not epochs.assign(9, 30)
    assert epochs.assign(9, 10)
    assert epochs.entries == (EpochStart(2, 0), EpochStart(9, 10))


def test_an_older_epoch_takes_the_place_of_all_that_contradict_it():
    epochs = LeaderEpochs(THREE)

    assert epochs.assign(4, 50)
    assert epochs.entries == (EpochStart(2, 0), EpochStart(4, 50))


def test_what_was_read_stays_as_it_is_while_the_epochs_change():
    epochs = LeaderEpochs(THREE)
    read = epochs.entries

    epochs.cut_end(5)

    assert read == THREE
    assert epochs.entries == THREE[:1]


@pytest.mark.parametrize(("epoch", "offset"), [(-1, 0), (0, -1), (MAX_EPOCH + 1, 0), (0, MAX_OFFSET + 1)])
def test_what_could_not_be_written_down_is_not_assigned(epoch: int, offset: int):
    with pytest.raises(ValueError, match="cannot start at"):
        LeaderEpochs().assign(epoch, offset)


@given(epoch_lists)
def test_epochs_come_back_from_their_text(entries: list[EpochStart]):
    epochs = LeaderEpochs(entries)

    assert LeaderEpochs.decode(epochs.encode()).entries == epochs.entries


@given(st.binary(max_size=60) | st.text("0123456789 \n-+", max_size=40).map(str.encode))
@example(b"0\n1\n0 9223372036854775808\n")
@example(b"0\n1\n2147483648 0\n")
@example(b"0\n2\n1 0\n1 5\n")
@example(b"0\n2\n2 0\n1 5\n")
@example(b"0\n2\n1 5\n2 5\n")
@example(b"0\n1\n" + b"9" * 5000 + b" 0\n")
@example(b"0\n" + b"9" * 5000 + b"\n")
@example(b"0\n1\n-1 0\n")
@example(b"0\n1\n\xd9\xa1 0\n")
def test_anything_else_is_a_corrupt_file(data: bytes):
    try:
        epochs = LeaderEpochs.decode(data)
    except CorruptFileError:
        return
    assert epochs.encode() == (data or b"0\n0\n")


@pytest.mark.parametrize("second", ["4 9", "3 9", "5 7", "5 6"])
def test_epochs_that_do_not_ascend_are_a_corrupt_file(second: str):
    with pytest.raises(CorruptFileError, match="behind epoch 4"):
        LeaderEpochs.decode(f"0\n2\n4 7\n{second}\n".encode())


@given(epoch_lists.filter(bool), st.data())
def test_a_text_that_is_cut_is_a_corrupt_file(entries: list[EpochStart], data: st.DataObject):
    text = LeaderEpochs(entries).encode()
    size = data.draw(st.integers(1, len(text) - 1), label="size")

    with pytest.raises(CorruptFileError):
        LeaderEpochs.decode(text[:size])
