"""The single-node broker: Kafka's protocol over Kafka's files."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from gomq.broker.config import BrokerConfig, FlushMode

if TYPE_CHECKING:
    from gomq.broker.broker import Broker

__all__ = ("Broker", "BrokerConfig", "FlushMode")

_BROKER: Final = "Broker"
"""Imported when it is asked for (PEP 562): who only wants to know the settings does not wait for all of it."""

if not TYPE_CHECKING:  # or a misspelt name would pass for any class

    def __getattr__(name: str) -> Any:  # noqa: ANN401 - a class
        if name != _BROKER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = import_module("gomq.broker.broker").Broker
        return value

    def __dir__() -> list[str]:
        return list(__all__)
