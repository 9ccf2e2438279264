"""Pauses after connections that failed: how long, shared by whom, and forgotten when."""

from hypothesis import given, strategies as st

from gomq.client.cluster.backoff import Backoff
from gomq.client.cluster.bootstrap import nobody_answered, shuffled
from gomq.client.cluster.reconnecting import Pauses
from gomq.errors import ConnectionFailedError, ProtocolError
from gomq.net.address import Address, parse_addresses

HERE, THERE = Address("here", 1), Address("there", 2)
REFUSED = ConnectionFailedError("here:1", "refused")


def pauses() -> Pauses:
    return Pauses(lambda: Backoff(first=0.05, most=1.0))


@given(st.integers(1, 20))
def test_pauses_double_from_50_ms_to_a_second_and_a_fifth_of_each_is_chance(failures: int):
    known = pauses()
    now = 0.0
    for number in range(failures):
        known.failed(HERE, REFUSED, now)
        usual = min(0.05 * 2**number, 1.0)
        assert 0.8 * usual <= known.end([HERE]) - now <= 1.2 * usual
        now = known.end([HERE])


def test_all_who_want_the_address_meanwhile_get_an_error_of_their_own():
    known = pauses()
    known.failed(HERE, REFUSED, 0.0)
    first, second = known.reason(HERE, 0.01), known.reason(HERE, 0.02)

    assert str(first) == str(second) == str(REFUSED)
    assert first is not second
    assert known.reason(THERE, 0.01) is None
    assert known.reason(HERE, known.end([HERE, THERE])) is None


def test_success_begins_anew():
    known = pauses()
    for _ in range(10):
        known.failed(HERE, REFUSED, 0.0)
    known.succeeded(HERE)
    assert known.reason(HERE, 0.0) is None

    known.failed(HERE, REFUSED, 0.0)
    assert known.end([HERE]) <= 0.06


def test_addresses_that_are_gone_are_forgotten():
    known = pauses()
    known.failed(HERE, REFUSED, 0.0)
    known.failed(THERE, REFUSED, 0.0)
    known.keep_only({THERE})

    assert known.reason(HERE, 0.0) is None
    assert known.reason(THERE, 0.0) is not None


@given(st.lists(st.sampled_from([HERE, THERE, Address("elsewhere", 3)])))
def test_addresses_are_tried_once_each_in_any_order(addresses: list[Address]):
    assert sorted(shuffled(addresses)) == sorted(set(addresses))


def test_every_address_has_its_turn_to_be_first():
    addresses = [Address("a", number) for number in range(3)]

    assert {shuffled(addresses)[0] for _ in range(200)} == set(addresses)


def test_one_error_names_all_addresses_and_reasons_and_says_what_to_do():
    error = nobody_answered({
        THERE: ConnectionFailedError("there:2", "no answer within 10 s"),
        HERE: ProtocolError("here:1 does not speak Kafka's protocol"),
    })  # fmt: skip

    assert isinstance(error, ConnectionFailedError)
    assert error.address == "here:1, there:2"
    assert parse_addresses(error.address) == [HERE, THERE]
    assert str(error) == (
        "no connection to here:1, there:2: here:1 does not speak Kafka's protocol (here:1), "
        "no answer within 10 s (there:2); is a broker running there?"
    )


def test_a_reason_that_all_have_is_told_once():
    error = nobody_answered({HERE: REFUSED, THERE: ConnectionFailedError("there:2", "refused")})

    assert str(error) == "no connection to here:1, there:2: refused; is a broker running there?"


def test_the_error_of_a_single_peer_that_is_no_broker_is_told_as_it_is():
    error = ProtocolError("here:1 does not speak Kafka's protocol")

    assert nobody_answered({HERE: error}) is error
