"""The single-node broker: Kafka's protocol over Kafka's files."""

from gomq.broker.broker import Broker
from gomq.broker.config import BrokerConfig, FlushMode

__all__ = ("Broker", "BrokerConfig", "FlushMode")
