"""Pauses before the next attempt, giving up, and the words for why."""

import copy
import pickle

import pytest
from hypothesis import given, strategies as st

from gomq.client.delivering.retrying import pause_before_next, reason_of, shortened
from gomq.client.delivering.settings import DeliverySettings
from gomq.errors import ConfigurationError, MessageNotHandledError


def test_pauses_double_up_to_a_limit():
    settings = DeliverySettings(backoff=0.1, max_backoff=0.5, max_attempts=None)

    assert [pause_before_next(attempt, settings, spread=1.0) for attempt in (1, 2, 3, 4, 5, 10_000)] == [
        0.1, 0.2, 0.4, 0.5, 0.5, 0.5,
    ]  # fmt: skip


@given(st.integers(1, 99), st.floats(0, 1))
def test_a_pause_is_half_to_all_of_its_length(attempt: int, spread: float):
    settings = DeliverySettings(backoff=0.25, max_backoff=60, max_attempts=100)
    longest = pause_before_next(attempt, settings, spread=1.0)
    pause = pause_before_next(attempt, settings, spread=spread)

    assert longest is not None
    assert pause is not None
    assert longest / 2 <= pause <= longest <= 60


def test_the_last_attempt_has_none_behind_it():
    settings = DeliverySettings(max_attempts=3)

    assert [pause_before_next(attempt, settings, spread=0) is None for attempt in (1, 2, 3, 4)] == [
        False, False, True, True,
    ]  # fmt: skip


def test_without_a_limit_there_is_always_a_next_attempt():
    assert pause_before_next(10**9, DeliverySettings(max_attempts=None), spread=0) == 15


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("no such order"), "ValueError: no such order"),
        (ValueError(), "ValueError"),
        (ValueError("two\n  lines"), "ValueError: two lines"),
        (ExceptionGroup("tasks", [KeyError("x")]), "KeyError: 'x'"),
        (ExceptionGroup("tasks", [KeyError("x"), ValueError()]), "ExceptionGroup: tasks (2 sub-exceptions)"),
    ],
)
def test_a_reason_is_one_line(error: Exception, reason: str):
    assert reason_of(error) == reason


def test_the_error_for_a_message_that_is_given_up_can_be_copied_and_says_what_to_do():
    error = MessageNotHandledError(("orders", 3), 42, attempts=1, reason="LookupError: no")

    for copied in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert str(copied) == (
            "orders-3 offset 42 not handled after 1 attempt: LookupError: no; "
            "name a topic as dead_letter, to go on after such messages"
        )
        assert vars(copied) == vars(error)


def test_a_reason_is_bounded():
    assert len(shortened("x" * 5000)) == len(reason_of(ValueError("x" * 5000))) == 1000
    assert shortened("x" * 1000) == "x" * 1000


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"ack_timeout": 0}, "ack_timeout must be more than 0"),
        ({"max_attempts": 0}, "max_attempts must be at least 1, not 0"),
        ({"concurrency": 0}, "concurrency must be at least 1"),
        ({"max_waiting": 0}, "max_waiting must be at least 1"),
        ({"backoff": -1}, "backoff must be 0 or more seconds, and at most max_backoff, which is 30"),
        ({"backoff": 31}, "at most max_backoff"),
        ({"max_backoff": float("inf")}, "max_backoff"),
        ({"order": "topic"}, 'order must be "partition" or "key", not \'topic\''),
        ({"dead_letter": ""}, "dead_letter must be the name of a topic"),
    ],
)
def test_settings_that_cannot_work_are_refused(values: dict, complaint: str):
    with pytest.raises(ConfigurationError, match=complaint):
        DeliverySettings(**values)
