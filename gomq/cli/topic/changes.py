"""What altering a topic changes, as values: each thing with what it was and what it becomes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:  # help is not to wait for the client
    from gomq.client.admin.configs import ConfigEntry

PARTITIONS = "partitions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alteration:
    """What is wanted of a topic."""

    partitions: int | None
    """How many it is to have; None leaves them."""
    configs: Mapping[str, str]
    """What is to be set."""
    unset: Sequence[str]
    """What is to be as the broker has it."""


class Change(NamedTuple):
    """A thing that becomes another."""

    topic: str
    name: str
    """A config's, or ``partitions``."""
    old: str | None
    """None for no value."""
    new: str | None

    @property
    def fields(self) -> dict[str, Any]:
        """As an object."""
        return self._asdict()

    @property
    def row(self) -> Sequence[str]:
        """As a row of a table."""
        return self.topic, self.name, _text(self.old), _text(self.new)

    def __str__(self) -> str:
        return f"topic {self.topic}: {self.name} {_text(self.old)} -> {_text(self.new)}"


def changes(
    topic: str, wanted: Alteration, *, partitions: int, configs: "Mapping[str, ConfigEntry]"
) -> Sequence[Change]:
    """Say what becomes another thing, and only that.

    Args:
        topic: its name.
        wanted: what somebody wants of it.
        partitions: how many it has.
        configs: what they are now.
    """
    found = []
    if wanted.partitions is not None:
        found.append(Change(topic, PARTITIONS, str(partitions), str(wanted.partitions)))
    found += [Change(topic, name, _value(configs.get(name)), value) for name, value in wanted.configs.items()]
    found += [Change(topic, name, _value(configs.get(name)), _without(configs.get(name))) for name in wanted.unset]
    return [each for each in found if each.old != each.new]


def _value(entry: "ConfigEntry | None") -> str | None:
    return None if entry is None else entry.value


def _without(entry: "ConfigEntry | None") -> str | None:
    """Return what a config is where the topic has none of its own."""
    if entry is None or not entry.is_own:
        return _value(entry)
    others = [each.value for each in entry.synonyms if each.source != entry.source]
    return others[0] if others else None


def _text(value: str | None) -> str:
    return "-" if value is None else value
