"""The file of settings: TOML, whose keys are the settings' names, or Kafka's.

    listen = ["INTERNAL://0.0.0.0:9092", "EXTERNAL://:19092"]
    flush = "interval"
    log.retention.ms = 604800000

A table is a prefix: ``[log]`` and ``retention.ms`` below it is the same as the last line. Every mistake is found, and
is one line with the file, the line in it, and what would do.
"""

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Final, NamedTuple

from gomq.broker.configs.setting_kinds import Kind
from gomq.broker.configs.settings import Setting
from gomq.cli.config.process_settings import ALL_SETTINGS
from gomq.errors import ConfigurationError

_MOST_BYTES: Final = 1 << 20
_MOST_SHOWN: Final = 60
_BY_NAME: Final = {setting.name: setting for setting in ALL_SETTINGS}
_BY_KAFKA_NAME: Final = {setting.wire_name: setting for setting in ALL_SETTINGS}
_WORDS: Final[Mapping[type, str]] = {
    bool: "the boolean",
    int: "the number",
    float: "the number",
    str: "the text",
    list: "the list",
    dict: "the table",
    datetime: "the time",
    date: "the date",
    time: "the time",
}


class InFile(NamedTuple):
    """One setting of a file."""

    setting: Setting
    value: Any
    line: int | None
    """None where the key was not found again."""


def read_config_file(path: Path) -> list[InFile]:
    """Read a file of settings.

    Raises:
        ConfigurationError: it cannot be read, or not all of it is right; the message has a line for each mistake.
    """
    text = _read(path)
    try:
        tree = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigurationError(f"{path}: not TOML: {_one_line(str(error))}{_hint(str(error))}") from error
    found: dict[str, InFile] = {}
    problems: list[str] = []
    for key, value in _flatten(tree):
        line = _line_of(text, key)
        place = f"{path}:{line}" if line is not None else str(path)
        try:
            one = _setting(key, value, line)
        except ValueError as error:
            problems.append(f"{place}: {_one_line(str(error))}")
            continue
        if one.setting.name in found:
            problems.append(f"{place}: {key}: {one.setting.name} is given twice")
        found[one.setting.name] = one
    if problems:
        raise ConfigurationError("\n".join(problems))
    return list(found.values())


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"config file {path}: {error.strerror}") from error
    if len(raw) > _MOST_BYTES:
        raise ConfigurationError(f"config file {path}: it is larger than {_MOST_BYTES} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"config file {path}: it is not UTF-8") from error


def _hint(error: str) -> str:
    """Say what to do where one name is the beginning of another, as with max.connections and max.connections.per.ip."""
    return '; put the longer name in quotes: "max.connections.per.ip" = 10' if "overwrite" in error else ""


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _setting(key: str, value: Any, line: int | None) -> InFile:  # noqa: ANN401 - TOML's
    setting, kind = _find(key)
    try:
        parsed = _parse(kind, value)
    except ValueError as error:
        shown = "a secret" if setting.is_sensitive else f"{_WORDS[type(value)]} {_shown(value)}"
        raise ValueError(f"{key} must be {error}, not {shown}") from None
    return InFile(setting, parsed, line)


def _find(key: str) -> tuple[Setting, Kind]:
    """Find the setting, and how it is written under that name."""
    name = key if key in _BY_NAME or key in _BY_KAFKA_NAME else key.replace("-", "_")
    if (setting := _BY_NAME.get(name)) is not None:
        return setting, setting.kind
    if (setting := _BY_KAFKA_NAME.get(name)) is not None:
        return setting, setting.kafka_kind or setting.kind
    raise ValueError(f"there is no setting {key[:_MOST_SHOWN]!r}{_nearest(name)}")


def _parse(kind: Kind, value: Any) -> Any:  # noqa: ANN401 - TOML's, and a value of whatever kind
    if type(value) not in kind.toml:
        raise ValueError(kind.wanted)
    if isinstance(value, list):
        if not all(isinstance(item, str) for item in value):
            raise ValueError(f"{kind.wanted}, as a text or a list of texts")
        return kind.parse(",".join(value))
    if isinstance(value, bool):
        return kind.parse("true" if value else "false")
    return kind.parse(str(value))


def _shown(value: Any) -> str:  # noqa: ANN401 - TOML's
    text = repr(value) if isinstance(value, str) else str(value)
    return (text.lower() if isinstance(value, bool) else text)[:_MOST_SHOWN]


def _nearest(name: str) -> str:
    names = [*_BY_NAME, *_BY_KAFKA_NAME]
    near = difflib.get_close_matches(name[:_MOST_SHOWN], names, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else "; `gomq config docs` lists all that there are"


def _line_of(text: str, key: str) -> int | None:
    """Find a key's line again, which TOML's reader does not tell."""
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("["):
            name = _plain(stripped.strip("[]").partition("]")[0])
            if name == key:
                return number
            table = name + "."
        elif "=" in stripped and table + _plain(stripped.partition("=")[0]) == key:
            return number
    # a key of an inline table, or one that is quoted in an odd way
    return None


def _plain(key: str) -> str:
    return re.sub(r"\s*\.\s*", ".", key.strip()).replace('"', "").replace("'", "").strip() if key.strip() else ""


def _one_line(message: str) -> str:
    return " ".join(message.split())
