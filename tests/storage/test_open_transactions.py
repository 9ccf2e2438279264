"""Where undecided transactions begin, against a list of all that ever were."""

from hypothesis import given, strategies as st

from gomq_storage.open_transactions import OpenTransactions


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=30), st.data())
def test_the_first_transaction_whose_end_cannot_be_seen_is_found(events: list[tuple[int, bool]], data: st.DataObject):
    transactions = OpenTransactions()
    every: list[list[int | None]] = []  # first offset, marker's offset
    open_by: dict[int, list[int | None]] = {}
    seen = 0
    for offset, (producer, is_end) in enumerate(events):
        if is_end:
            transaction = open_by.pop(producer, None)
            transactions.end(-1 if transaction is None else transaction[0] or 0, offset)
            if transaction is not None:
                transaction[1] = offset
        elif producer not in open_by:
            open_by[producer] = [offset, None]
            every.append(open_by[producer])
            transactions.begin(offset)
        seen = data.draw(st.integers(seen, offset + 1))
        undecided = [first for first, marker in every if marker is None or marker >= seen]
        assert transactions.first_unstable(seen) == min(
            (first for first in undecided if first is not None), default=None
        )
    assert transactions.were_any == bool(events)
    assert transactions.ends == sum(is_end for _, is_end in events)


def test_those_of_a_snapshot_are_open_in_the_order_of_their_offsets():
    transactions = OpenTransactions([30, 10, 20])
    transactions.end(10, 40)
    assert transactions.first_unstable(41) == 20
    transactions.forget(20)
    transactions.forget(-1)
    assert transactions.first_unstable(41) == 30
