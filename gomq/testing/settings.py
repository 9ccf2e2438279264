"""The settings of a test's broker, as people give them: by ``BrokerConfig``'s names, ``gomq serve``'s or Kafka's."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from gomq.broker.config import BrokerConfig, FlushMode
from gomq.broker.configs.settings import BY_FIELD, BY_KAFKA_NAME, BY_NAME, with_values
from gomq.errors import ConfigurationError

_NOT_SETTINGS: Final = frozenset({"data", "log.dirs"})
_WITHOUT_SESSIONS: Final = 0


def broker_config(data: Path, config: BrokerConfig | None, given: Mapping[str, object]) -> BrokerConfig:
    """Put together what a test's broker goes by.

    If nothing else is said: any free port of this machine, nothing synced, and no fetch sessions, so that each Fetch
    names the topics that it is about.

    Args:
        data: the data directory.
        config: all settings but the data directory; None for those above.
        given: others, by name; texts are read as ``gomq serve`` reads them.

    Raises:
        ConfigurationError: there is no such setting, or it cannot be that.
    """
    if config is None:
        config = BrokerConfig(
            data=data, listen="127.0.0.1:0", flush=FlushMode.NEVER, fetch_session_slots=_WITHOUT_SESSIONS
        )
    try:
        return with_values(replace(config, data=data), dict(_value(name, value) for name, value in given.items()))
    except ValueError as error:
        raise ConfigurationError(str(error)) from error


def _value(name: str, value: object) -> tuple[str, Any]:
    if name in _NOT_SETTINGS:
        raise ConfigurationError(f"{name}: the data directory is given as data=")
    if (setting := BY_FIELD.get(name)) is not None:
        return setting.field, setting.parse(value) if isinstance(value, str) else value
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if (setting := BY_NAME.get(name)) is not None:
        return setting.field, setting.parse(text)
    if (setting := BY_KAFKA_NAME.get(name)) is not None:
        return setting.field, setting.parse_kafka(text)
    raise ConfigurationError(f"there is no setting {name!r}{_nearest(name)}")


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name, [*BY_NAME, *BY_KAFKA_NAME, *BY_FIELD], n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else "; `gomq config docs` lists all that there are"


def read_settings(lines: Iterable[str]) -> dict[str, str]:
    """Read settings of a pytest ini file, NAME = VALUE in each line.

    Raises:
        ConfigurationError: a line is not of that form.
    """
    found: dict[str, str] = {}
    for line in lines:
        name, equals, value = line.partition("=")
        if not equals:
            raise ConfigurationError(f"gomq_settings: {line!r} is not of the form NAME = VALUE")
        found[name.strip()] = value.strip()
    return found


def read_topics(lines: Iterable[str]) -> dict[str, int]:
    """Read topics of a pytest ini file, NAME or NAME: PARTITIONS in each line.

    Raises:
        ConfigurationError: a line is not of that form.
    """
    found: dict[str, int] = {}
    for line in lines:
        name, colon, count = line.partition(":")
        if colon and not count.strip().isdecimal():
            raise ConfigurationError(f"gomq_topics: {line!r} is not of the form NAME or NAME: PARTITIONS")
        found[name.strip()] = int(count) if colon else 1
    return found
