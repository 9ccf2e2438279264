"""GoMQ: a message queue that is a log. An embeddable broker, and a Kafka client for asyncio and trio.

async with gomq.Broker(data="data", listen="127.0.0.1:0") as broker:
    async with gomq.Producer(broker.address) as producer:
        await producer.publish("orders", b"...")
    async with gomq.Consumer(broker.address, "orders", replay=True) as consumer:
        async for message in consumer:
            ...
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from gomq._version import __version__

if TYPE_CHECKING:
    from gomq.broker import Broker, BrokerConfig, FlushMode
    from gomq.client import (
        Admin,
        Batch,
        Consumer,
        Delivery,
        GroupSettings,
        Message,
        NewMessage,
        OffsetAndMetadata,
        Producer,
        Publication,
        Published,
        Receipt,
        TopicPartition,
    )
    from gomq.errors import (
        BrokerError,
        BrokerStartError,
        ConfigurationError,
        ConnectionFailedError,
        DeliveryFailedError,
        GomqError,
        UnknownTopicError,
    )

__all__ = (
    "Admin", "Batch", "Broker", "BrokerConfig", "BrokerError", "BrokerStartError", "ConfigurationError",
    "ConnectionFailedError", "Consumer", "Delivery", "DeliveryFailedError", "FlushMode", "GomqError", "GroupSettings",
    "Message", "NewMessage", "OffsetAndMetadata", "Producer", "Publication", "Published", "Receipt",
    "TopicPartition", "UnknownTopicError", "__version__",
)  # fmt: skip

_HOMES: Final = {
    **dict.fromkeys(("Broker", "BrokerConfig", "FlushMode"), "gomq.broker"),
    **dict.fromkeys(
        (
            "Admin",
            "Batch",
            "Consumer",
            "Delivery",
            "GroupSettings",
            "Message",
            "NewMessage",
            "OffsetAndMetadata",
            "Producer",
            "Publication",
            "Published",
            "Receipt",
            "TopicPartition",
        ),
        "gomq.client",
    ),
    **dict.fromkeys(
        (
            "BrokerError",
            "BrokerStartError",
            "ConfigurationError",
            "ConnectionFailedError",
            "DeliveryFailedError",
            "GomqError",
            "UnknownTopicError",
        ),
        "gomq.errors",
    ),
}
"""Imported when they are asked for (PEP 562): who has only a client does not wait for the broker, nor the reverse, and
who only runs pytest, whose plugin is in here, for neither."""

if not TYPE_CHECKING:  # or a misspelt name would pass for any class

    def __getattr__(name: str) -> Any:  # noqa: ANN401 - a class
        if name == "errors":  # `import gomq` has always been enough for these
            return import_module("gomq.errors")
        home = _HOMES.get(name)
        if home is None:
            module = sys.modules[__name__]  # for what Python says of a misspelt name
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name, obj=module)
        value = globals()[name] = getattr(import_module(home), name)
        return value

    def __dir__() -> list[str]:
        return [*__all__, "errors"]
