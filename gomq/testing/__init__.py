"""A real broker for tests, in the test's process: for any Kafka client, sync or async, without Docker or Java.

with gomq.testing.BrokerThread(topics={"orders": 3}) as broker:
    ...  # broker.address is what clients call bootstrap.servers
    assert [message.value for message in broker.records("orders")] == [b"..."]

pytest has it as the fixture ``gomq_broker``; ``docs/testing.md`` says how to use it, and how to have things go wrong.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from gomq.testing.asked import Asked
    from gomq.testing.expecting import Expectation, NewMessages
    from gomq.testing.faults import Faults
    from gomq.testing.life import BrokerDiedError
    from gomq.testing.rules import Rule
    from gomq.testing.thread import BrokerThread
    from gomq.testing.watching import BrokerFaultWarning

__all__ = (
    "Asked", "BrokerDiedError", "BrokerFaultWarning", "BrokerThread", "Expectation", "Faults", "NewMessages", "Rule",
)  # fmt: skip

_HOMES: Final = {
    "Asked": "asked",
    "BrokerDiedError": "life",
    "BrokerFaultWarning": "watching",
    "BrokerThread": "thread",
    "Expectation": "expecting",
    "Faults": "faults",
    "NewMessages": "expecting",
    "Rule": "rules",
}
"""Imported when they are asked for (PEP 562): pytest imports the plugin beside this, whether a suite uses it or not."""

if not TYPE_CHECKING:  # or a misspelt name would pass for any class

    def __getattr__(name: str) -> Any:  # noqa: ANN401 - a class
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
        return value

    def __dir__() -> list[str]:
        return list(__all__)
