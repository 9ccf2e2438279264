"""What a handler is given: the broker's state and one request."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from gomq.broker.config import BrokerConfig
from gomq.broker.flusher import Flusher
from gomq.broker.producer_ids import ProducerIds
from gomq.broker.topics import Topics
from gomq.net.address import Address
from gomq.net.session import Answer
from gomq.protocol.api import Api

Result: TypeAlias = Mapping[str, Any] | Answer
"""A mapping holds a response's fields, for every version of it; anything else is an answer laid out already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The parts of a running broker that handlers work with."""

    config: BrokerConfig
    cluster_id: str
    topics: Topics
    flusher: Flusher
    producer_ids: ProducerIds


class Request(NamedTuple):
    """One request, read."""

    api: Api
    version: int
    correlation_id: int
    body: Any
    """kio's message of that API and version."""
    reached_at: Address
    """The address by which the client found the broker, and by which it will find it again."""
