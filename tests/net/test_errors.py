"""Errors: each of Kafka's codes has a class that bears its name, and all can be copied and pickled."""

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from kio.schema.errors import ErrorCode

import gomq.errors
from gomq.client.raising import own_copy
from gomq.errors import (
    BrokerError,
    ClosedError,
    ConnectionFailedError,
    DeliveryFailedError,
    FencedInstanceIdError,
    GomqError,
    RequestTimeoutError,
    error_for,
)
from tests.support.kafka import require_kafka, run_tool

CODES = {int(code): code for code in ErrorCode if code is not ErrorCode.none}
EXAMPLES = [
    BrokerError("plain"),
    BrokerError("of a code without a class", code=999),
    ClosedError("producer"),
    ConnectionFailedError("host:1", "refused"),
    DeliveryFailedError("orders", 2, "time is up"),
    RequestTimeoutError("host:1", "FETCH", 1.5),
    FencedInstanceIdError("group 'x'"),
    gomq.errors.UnsupportedVersionError("old"),
]


def class_name(kafka_name: str) -> str:
    """REBALANCE_IN_PROGRESS is RebalanceInProgressError; what ends in _ERROR or _EXCEPTION does not say it twice."""
    words = kafka_name.lower().removesuffix("_error").removesuffix("_exception").split("_")
    return "".join(word.capitalize() for word in words) + "Error"


@pytest.mark.parametrize("code", CODES.values(), ids=lambda code: code.name)
def test_each_code_makes_the_class_that_bears_its_name(code: ErrorCode):
    error = error_for(int(code), "topic 'orders'")

    assert type(error) is getattr(gomq.errors, class_name(code.name))
    assert type(error).__name__ in gomq.errors.__all__
    assert error.code == code
    assert str(error).startswith("topic 'orders'")
    assert type(error).retriable is error.retriable is code.retriable
    assert BrokerError("as a plain one", code=int(code)).retriable is code.retriable


def test_what_kafka_itself_says_of_its_codes():
    require_kafka()
    printed = run_tool(str(Path(__file__).parents[1] / "support" / "KafkaErrors.java")).stdout
    lines = [line.split() for line in printed.splitlines()]
    said = {int(code): (class_name(name), retriable == "true") for code, name, retriable in lines}
    assert said.pop(0)[0] == "NoneError"

    ours = {code: (class_name(CODES[code].name), error_for(code, "").retriable) for code in CODES}
    assert ours == said


def test_a_code_that_nobody_knows_makes_a_plain_error():
    error = error_for(12_345, "topic 'orders'")

    assert type(error) is BrokerError
    assert (error.code, error.retriable) == (12_345, False)
    assert str(error) == "topic 'orders' (Kafka error code 12345)"


def test_what_to_do_stands_behind_the_message():
    assert str(error_for(82, "group 'x'")) == "group 'x'; give each consumer an instance_id of its own"


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, own_copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_errors_are_copied_and_pickled_whole(error: GomqError, way):
    error.add_note("a note")
    made = way(error)

    assert made is not error
    assert type(made) is type(error)
    assert (str(made), made.args, vars(made)) == (str(error), error.args, vars(error))
    assert made.retriable is error.retriable


def test_a_copy_for_one_task_keeps_the_cause_and_has_a_traceback_of_its_own():
    error = ConnectionFailedError("host:1", "refused")
    error.__cause__ = OSError("refused")
    with pytest.raises(ConnectionFailedError) as caught:
        raise error
    copied = own_copy(caught.value)

    assert copied.__cause__ is error.__cause__
    assert copied.__traceback__ is None


def test_a_name_that_is_none_is_refused():
    with pytest.raises(AttributeError, match="has no attribute 'RebalanceError'"):
        _ = gomq.errors.RebalanceError  # type: ignore[attr-defined]


def test_importing_gomq_waits_for_no_rare_errors_and_no_schemas():
    program = "import sys, gomq.errors; print([name for name in sys.modules if 'kio' in name or name in sys.argv])"
    rare = [f"gomq.errors.{name}" for name in ("groups", "transactions", "security", "cluster")]
    command = [sys.executable, "-c", program, *rare]
    assert subprocess.run(command, capture_output=True, check=True, text=True, timeout=20).stdout == "[]\n"


def test_all_names_are_there():
    assert [name for name in gomq.errors.__all__ if not hasattr(gomq.errors, name)] == []
