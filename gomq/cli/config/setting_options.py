"""The settings as options of a command, each with its environment variable; and what was given by either."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import click
from click.core import ParameterSource

from gomq.broker.configs.settings import Setting
from gomq.cli.config.process_settings import ALL_SETTINGS, BACKEND, Backend
from gomq.cli.config.sources import Effective, Given, Source, default_of, resolve
from gomq.cli.options import option
from gomq.protocol.configs import ConfigType

Command: TypeAlias = Callable[..., Any]

_FILE: Final = "config_file"
_UVLOOP: Final = "uvloop"
_SOURCES: Final = {ParameterSource.COMMANDLINE: Source.FLAG, ParameterSource.ENVIRONMENT: Source.ENVIRONMENT}


if TYPE_CHECKING:
    _ParamType: TypeAlias = click.ParamType[Any]
else:
    _ParamType = click.ParamType  # generic since click 8.5 only


class _SettingType(_ParamType):
    """Reads a setting's value."""

    def __init__(self, setting: Setting) -> None:
        self.name = setting.kind.word.lower()
        self._setting = setting

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:  # noqa: ARG002
        word = self._setting.kind.word
        return f"[{word}]" if "|" in word else word

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        kind = self._setting.kind
        try:
            parsed = kind.parse(value)
        except ValueError as error:
            self.fail(f"it must be {error}, not {str(value)[:100]!r}", param, ctx)
        return value if kind.config_type is ConfigType.LIST else parsed  # a list's items are put together first

    def split_envvar_value(self, rv: str) -> list[str]:
        return [rv]


def setting_options(command: Command) -> Command:
    """Give a command an option for each setting, ``--config`` and ``--uvloop``."""
    for setting in reversed(ALL_SETTINGS):
        command = _option(setting)(command)
    command = option("--uvloop", _UVLOOP, is_flag=True, envvar="GOMQ_UVLOOP", help="Short for --backend uvloop.")(
        command
    )
    return option(
        "-c",
        "--config",
        _FILE,
        type=click.Path(path_type=Path),
        envvar="GOMQ_CONFIG",
        metavar="FILE",
        help="Settings as TOML; flags and the environment count before it. SIGHUP has it read again.",
    )(command)


def _option(setting: Setting) -> Callable[[Command], Command]:
    kind = setting.kind
    default = kind.write(default_of(setting)) or None
    common: dict[str, Any] = {
        "envvar": setting.variable,
        "help": setting.documentation,
        "hidden": not setting.is_common,
    }
    if kind.config_type is ConfigType.BOOLEAN:
        off = setting.option.replace("--", "--no-", 1)
        return option(f"{setting.option}/{off}", _parameter(setting), default=default == "true", **common)
    shown: dict[str, Any]
    if kind.config_type is ConfigType.LIST:
        shown = {"default": (default,) if default else None, "multiple": True}
    else:
        shown = {"default": default}
    return option(setting.option, _parameter(setting), type=_SettingType(setting), **common, **shown)


def _parameter(setting: Setting) -> str:
    return setting.name.replace(".", "_")


class Sources(NamedTuple):
    """What flags and the environment say, and the file that may say more."""

    told: dict[str, Given]
    file: Path | None

    def resolve(self) -> Effective:
        """Read the file, and find out what counts; errors are those of ``config_sources.resolve``."""
        return resolve(self.told, self.file)


def sources_of(context: click.Context) -> Sources:
    """Gather what a command with ``setting_options`` was given.

    Raises:
        click.UsageError: it cannot all be true.
    """
    told: dict[str, Given] = {}
    for setting in ALL_SETTINGS:
        source = _SOURCES.get(context.get_parameter_source(_parameter(setting)) or ParameterSource.DEFAULT)
        if source is None:
            continue
        value = context.params[_parameter(setting)]
        if isinstance(value, tuple):
            value = setting.kind.parse(",".join(value))
        told[setting.field] = Given(value, source, setting.option if source is Source.FLAG else setting.variable)
    if context.params[_UVLOOP]:
        asked = told.get(BACKEND)
        if asked is not None and asked.value is Backend.TRIO:
            raise click.UsageError(f"--uvloop is an engine for asyncio: leave {asked.where} trio out, or --uvloop")
        source = _SOURCES.get(context.get_parameter_source(_UVLOOP) or ParameterSource.DEFAULT, Source.FLAG)
        told[BACKEND] = Given(Backend.UVLOOP, source, "--uvloop" if source is Source.FLAG else "GOMQ_UVLOOP")
    return Sources(told, context.params[_FILE])
