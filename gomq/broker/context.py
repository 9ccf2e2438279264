"""What a handler is given: the broker's state and one request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from gomq.broker.config import BrokerConfig
from gomq.broker.configs.running_config import RunningConfig
from gomq.broker.fetching.sessions import FetchSessions
from gomq.broker.flusher import Flusher
from gomq.broker.groups.coordinator import GroupCoordinator
from gomq.broker.groups.group_log import GroupLog
from gomq.broker.groups.offsets import GroupOffsets
from gomq.broker.long_polls import LongPolls
from gomq.broker.monitoring.metrics import Metrics
from gomq.broker.producing.admission import Admission
from gomq.broker.producing.producer_ids import ProducerIds
from gomq.broker.topics import Topics
from gomq.net.address import Address
from gomq.net.session import Answer
from gomq.protocol.api import Api

Result: TypeAlias = Mapping[str, Any] | Answer
"""A mapping holds a response's fields, for every version of it; anything else is an answer laid out already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The parts of a running broker that handlers work with."""

    running: RunningConfig
    """Its settings, which may change while it runs."""
    cluster_id: str
    topics: Topics
    flusher: Flusher
    fetch_sessions: FetchSessions
    producer_ids: ProducerIds
    admission: Admission
    """Decides what producers may append."""
    group_log: GroupLog
    groups: GroupCoordinator
    offsets: GroupOffsets
    long_polls: LongPolls = field(default_factory=LongPolls)
    """Requests that wait for what others do: they end when the broker stops."""
    metrics: Metrics | None = None
    """Counts requests; None where nobody can ask for it."""

    @property
    def config(self) -> BrokerConfig:
        """The settings that count now: whoever goes by one looks it up each time."""
        return self.running.current


class Request(NamedTuple):
    """One request, read."""

    api: Api
    version: int
    correlation_id: int
    body: Any
    """kio's message of that API and version."""
    reached_at: Address
    """The address by which the client found the broker, and by which it will find it again."""
    client_id: str = ""
    """What the client calls itself."""
    client_host: str = ""
    """Where it comes from."""
