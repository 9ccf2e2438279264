"""What a mirror can be told, checked when it is made. Times are seconds."""

from dataclasses import dataclass, field

from gomq.client.cluster.settings import ConnectionSettings, positive
from gomq.client.consuming.settings import ConsumerSettings
from gomq.client.mirroring.source import reading_settings
from gomq.client.producing.settings import ProducerSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorSettings:
    """How topics are carried over."""

    source: ConnectionSettings = field(default_factory=lambda: ConnectionSettings(metadata_max_age=60.0))
    """How to reach the source; so often a mirror that follows looks for new partitions and topics."""
    target: ConnectionSettings = field(default_factory=ConnectionSettings)
    patience: float = 120.0
    """For how long a side that does not answer, or has no leader, is tried again."""
    bytes_per_second: float | None = None
    """The most that is carried over, as it is stored; None for no limit."""
    replication_factor: int | None = None
    """Of topics that are created; None leaves it to the target."""

    def __post_init__(self) -> None:
        positive("patience", self.patience)
        if self.bytes_per_second is not None:
            positive("bytes_per_second", self.bytes_per_second)

    @property
    def reading(self) -> ConsumerSettings:
        """How the source is read."""
        return reading_settings(self.source, patience=self.patience)

    @property
    def reading_back(self) -> ConsumerSettings:
        """How the target is read."""
        return reading_settings(self.target, patience=self.patience)

    @property
    def writing(self) -> ProducerSettings:
        """How the target is written to."""
        return ProducerSettings(connection=self.target, delivery_timeout=self.patience)
