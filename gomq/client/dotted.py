"""Configs as other clients have them, made into arguments of ours.

``producer_options({"bootstrap.servers": "a:9092", "linger.ms": 5})`` gives what ``Producer`` takes. Names are those of
Kafka's ``ProducerConfig`` and ``ConsumerConfig`` and of librdkafka; with underscores instead of dots they are those of
aiokafka and kafka-python. Values may be text, as in a file of properties. A name that means nothing here is refused:
whoever set it wanted something.
"""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, Final, NamedTuple, TypedDict, cast

from gomq.client.cluster.settings import ConnectionSettings
from gomq.client.consuming.settings import ConsumerSettings, Isolation, OutOfRange
from gomq.client.groups.assignors import ASSIGNORS
from gomq.client.groups.settings import GroupSettings
from gomq.client.producing.settings import ProducerSettings, parse_codec
from gomq.errors import ConfigurationError

_DEFAULT_ADDRESS: Final = "localhost:9092"
_ACKS: Final = {"all": -1, "-1": -1, "0": 0, "1": 1}
_BOOLEANS: Final = {"true": True, "false": False}
_RESETS: Final = {
    **dict.fromkeys(("earliest", "smallest", "beginning"), "earliest"),
    **dict.fromkeys(("latest", "largest", "end"), "latest"),
    **dict.fromkeys(("none", "error"), "raise"),
}


class ProducerOptions(TypedDict):
    """Arguments of ``Producer``."""

    address: str
    settings: ProducerSettings


class ConsumerOptions(TypedDict):
    """Arguments of ``Consumer``, apart from what it reads."""

    address: str
    replay: bool
    out_of_range: OutOfRange
    isolation: Isolation
    group: GroupSettings | None
    auto_commit: bool
    settings: ConsumerSettings


def producer_options(configs: Mapping[str, object]) -> ProducerOptions:
    """Make arguments of ``Producer`` of another client's configs.

    Raises:
        ConfigurationError: a name that a producer does not have here, or a value that cannot be.
    """
    found = _read(configs, _CONNECTION | _PRODUCER)
    connection = ConnectionSettings(**found["connection"])
    return {
        "address": found["client"].get("address", _DEFAULT_ADDRESS),
        "settings": ProducerSettings(connection=connection, **found["producer"]),
    }


def consumer_options(configs: Mapping[str, object]) -> ConsumerOptions:
    """Make arguments of ``Consumer`` of another client's configs, apart from topics or partitions.

    Where nothing is said, it is as it is there: ``auto.offset.reset`` is ``latest``, and counts for offsets that are
    gone as well.

    Raises:
        ConfigurationError: a name that a consumer does not have here, or a value that cannot be.
    """
    found = _read(configs, _CONNECTION | _CONSUMER)
    client, group = found["client"], found["group"]
    if group and "group_id" not in group:
        raise ConfigurationError(f"group.id is missing: without it {', '.join(sorted(group))} means nothing")
    reset = client.get("reset", "latest")
    return {
        "address": client.get("address", _DEFAULT_ADDRESS),
        "replay": reset == "earliest",
        "out_of_range": cast(OutOfRange, reset),
        "isolation": client.get("isolation", "read_uncommitted"),
        "group": GroupSettings(**group) if group else None,
        "auto_commit": client.get("auto_commit", True),
        "settings": ConsumerSettings(connection=ConnectionSettings(**found["connection"]), **found["consumer"]),
    }


class _Meaning(NamedTuple):
    """What a config is here."""

    of: str
    name: str
    read: Callable[[Any], Any]


def _read(configs: Mapping[str, object], known: Mapping[str, _Meaning]) -> dict[str, dict[str, Any]]:
    """Sort configs by what they belong to."""
    found: dict[str, dict[str, Any]] = {of: {} for of in ("client", "connection", "producer", "consumer", "group")}
    for name, value in configs.items():
        dotted = name.replace("_", ".")
        meaning = known.get(dotted)
        if meaning is None:
            near = get_close_matches(dotted, known, n=1)
            advice = f"did you mean {near[0]}?" if near else "leave it out; docs/migration.md has what there is instead"
            raise ConfigurationError(f"{name} is no config that this client has: {advice}")
        try:
            read = meaning.read(value)
        except (KeyError, TypeError, ValueError, ConfigurationError):
            raise ConfigurationError(f"{name} cannot be {value!r}") from None
        if found[meaning.of].setdefault(meaning.name, read) != read:
            raise ConfigurationError(f"{name} says again, and otherwise, what another config has said")
    return found


def _seconds(value: object) -> float:
    return int(str(value)) / 1000


def _whole(value: object) -> int:
    return int(str(value))


def _kilobytes(value: object) -> int:
    return int(str(value)) << 10


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _addresses(value: object) -> str:
    return value if isinstance(value, str) else ",".join(map(_text, cast(list[object], value)))


def _assignors(value: object) -> tuple[str, ...]:
    """Take names, or Java's classes, such as ``org.apache.kafka.clients.consumer.CooperativeStickyAssignor``."""
    names = value.split(",") if isinstance(value, str) else [_text(each) for each in cast(list[object], value)]
    plain = {name.replace("-", ""): name for name in ASSIGNORS}
    return tuple(
        plain[each.strip().rpartition(".")[2].lower().replace("-", "").removesuffix("assignor")] for each in names
    )


def _plaintext(value: object) -> str:
    """Take what is sent anyhow: nothing else can be asked for yet."""
    if str(value).upper() != "PLAINTEXT":
        raise ValueError
    return "plaintext"


def _named(of: str, name: str, read: Callable[[Any], Any], *configs: str) -> dict[str, _Meaning]:
    return dict.fromkeys(configs, _Meaning(of, name, read))


def _boolean(value: object) -> bool:
    return _BOOLEANS[str(value).lower()]


_CONNECTION: Final[dict[str, _Meaning]] = {
    **_named("client", "address", _addresses, "bootstrap.servers", "metadata.broker.list"),
    **_named("client", "protocol", _plaintext, "security.protocol"),
    **_named("connection", "client_id", _text, "client.id"),
    **_named("connection", "request_timeout", _seconds, "request.timeout.ms"),
    **_named("connection", "connect_timeout", _seconds, "socket.connection.setup.timeout.ms"),
    **_named("connection", "first_backoff", _seconds, "reconnect.backoff.ms", "retry.backoff.ms"),
    **_named("connection", "max_backoff", _seconds, "reconnect.backoff.max.ms", "retry.backoff.max.ms"),
    **_named("connection", "metadata_max_age", _seconds, "metadata.max.age.ms"),
}
_PRODUCER: Final[dict[str, _Meaning]] = {
    **_named("producer", "acks", lambda value: _ACKS[str(value)], "acks", "request.required.acks"),
    **_named("producer", "idempotent", _boolean, "enable.idempotence"),
    **_named("producer", "codec", lambda value: parse_codec(value or "none"), "compression.type", "compression.codec"),
    **_named("producer", "linger", _seconds, "linger.ms", "queue.buffering.max.ms"),
    **_named("producer", "max_batch_bytes", _whole, "batch.size", "max.batch.size"),
    **_named("producer", "delivery_timeout", _seconds, "delivery.timeout.ms", "message.timeout.ms"),
    **_named("producer", "buffer_bytes", _whole, "buffer.memory"),
    **_named("producer", "buffer_bytes", _kilobytes, "queue.buffering.max.kbytes"),
}
_CONSUMER: Final[dict[str, _Meaning]] = {
    **_named("client", "reset", lambda value: _RESETS[value], "auto.offset.reset"),
    **_named("client", "isolation", _text, "isolation.level"),
    **_named("client", "auto_commit", _boolean, "enable.auto.commit"),
    **_named("consumer", "max_wait", _seconds, "fetch.max.wait.ms", "fetch.wait.max.ms"),
    **_named("consumer", "fetch_bytes", _whole, "max.partition.fetch.bytes", "fetch.message.max.bytes"),
    **_named("consumer", "buffer_bytes", _kilobytes, "queued.max.messages.kbytes"),
    **_named("group", "group_id", _text, "group.id"),
    **_named("group", "instance_id", _text, "group.instance.id"),
    **_named("group", "session_timeout", _seconds, "session.timeout.ms"),
    **_named("group", "heartbeat_interval", _seconds, "heartbeat.interval.ms"),
    **_named("group", "rebalance_timeout", _seconds, "max.poll.interval.ms", "rebalance.timeout.ms"),
    **_named("group", "assignors", _assignors, "partition.assignment.strategy"),
    **_named("group", "commit_interval", _seconds, "auto.commit.interval.ms"),
    **_named("consumer", "rack", _text, "client.rack"),
}
