"""GoMQ: a message queue that is a log. An embeddable broker, and a Kafka client for asyncio and trio.

async with gomq.Broker(data="data", listen="127.0.0.1:0") as broker:
    async with gomq.Producer(broker.address) as producer:
        await producer.publish("orders", b"...")
    async with gomq.Consumer(broker.address, "orders", replay=True) as consumer:
        async for message in consumer:
            ...
"""

from gomq._version import __version__
from gomq.broker import Broker, BrokerConfig, FlushMode
from gomq.client import Admin, Batch, Consumer, Message, NewMessage, Producer, Published, Receipt
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
    "ConnectionFailedError", "Consumer", "DeliveryFailedError", "FlushMode", "GomqError", "Message", "NewMessage",
    "Producer", "Published", "Receipt", "UnknownTopicError", "__version__",
)  # fmt: skip
