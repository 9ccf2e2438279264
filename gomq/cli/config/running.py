"""``gomq config get|set|unset``: the settings of a broker that runs."""

import difflib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

import gomq
from gomq.broker.configs.settings import BY_NAME
from gomq.cli.asking import ask_admin, notice, timeout_option
from gomq.cli.options import broker_option, examples, format_option, option, pairs, utf8
from gomq.cli.tables import print_table
from gomq.errors import ConfigurationError

if TYPE_CHECKING:  # help is not to wait for the client
    from gomq.client.admin import ConfigEntry

_node_option: Final = option(
    "--node", type=click.IntRange(min=0), metavar="ID", help="Which broker; where there is one, that one."
)
_all_option: Final = option(
    "--all-brokers", is_flag=True, help="What is set for all at once; a broker's own counts before it."
)


@click.command(
    epilog=examples(
        "gomq config get",
        "gomq config get log.retention.ms message.max.bytes",
        "gomq config get --changed --format json",
    )
)
@click.argument("names", nargs=-1, metavar="[NAME]...", callback=utf8)
@broker_option
@_node_option
@_all_option
@option("--changed", is_flag=True, help="Only what was set while it ran.")
@timeout_option
@format_option
def get(  # noqa: PLR0913 - the options
    *,
    names: Sequence[str],
    broker: str,
    node: int | None,
    all_brokers: bool,
    changed: bool,
    timeout: float,
    output_format: str,
) -> None:
    """Print settings of a running broker: those that are named, or all.

    By Kafka's names, or by those of `gomq config docs`. Topics have settings of their own: `gomq topic describe`.
    """

    async def work(admin: "gomq.Admin", target: int | None) -> "list[ConfigEntry]":
        found = await admin.describe_broker_configs(target)
        wanted = [found[_known(name, found)] for name in names] if names else list(found.values())
        return [entry for entry in wanted if entry.is_own or not changed]

    entries = _with_target(broker, timeout, node, all_brokers, work)
    if output_format == "json":
        for entry in entries:
            print(json.dumps(_fields(entry), ensure_ascii=False))
    else:
        print_table(("NAME", "VALUE", "SOURCE"), [_row(entry) for entry in entries])


@click.command(
    "set", epilog=examples("gomq config set log.retention.ms=604800000", "gomq config set max.connections=500 --node 1")
)
@click.argument("changes", nargs=-1, required=True, metavar="NAME=VALUE...", callback=pairs)
@broker_option
@_node_option
@_all_option
@option("--validate-only", is_flag=True, help="Only ask whether that can be done.")
@timeout_option
def set_(
    *,
    changes: Sequence[tuple[str, str]],
    broker: str,
    node: int | None,
    all_brokers: bool,
    validate_only: bool,
    timeout: float,
) -> None:
    """Change settings of a running broker, all or none of those that are named.

    They stay over a restart, and count before options and the file, until `gomq config unset`. Settings that need a
    restart are refused. Topics have settings of their own: `gomq topic alter`.
    """
    wanted = {_kafkas(name): value for name, value in changes}
    if len(wanted) < len(changes):
        raise click.UsageError("a setting is named twice")

    async def work(admin: "gomq.Admin", target: int | None) -> None:
        await admin.alter_broker_configs(wanted, node=target, validate_only=validate_only)

    _with_target(broker, timeout, node, all_brokers, work)
    if validate_only:
        notice("that can be done; nothing was changed")


@click.command(epilog=examples("gomq config unset log.retention.ms", "gomq config unset max.connections --all-brokers"))
@click.argument("names", nargs=-1, required=True, metavar="NAME...", callback=utf8)
@broker_option
@_node_option
@_all_option
@timeout_option
def unset(*, names: Sequence[str], broker: str, node: int | None, all_brokers: bool, timeout: float) -> None:
    """Take back what `gomq config set` has set: options, the environment and the file count again."""

    async def work(admin: "gomq.Admin", target: int | None) -> None:
        asked = (await admin.describe_cluster()).brokers[0].node_id if target is None else target
        found = await admin.describe_broker_configs(asked)  # brokers take a name that they do not know, and do nothing
        await admin.alter_broker_configs(unset={_known(name, found) for name in names}, node=target)

    _with_target(broker, timeout, node, all_brokers, work)


def _with_target(
    broker: str,
    timeout: float,
    node: int | None,
    all_brokers: bool,  # noqa: FBT001 - the option
    work: Callable[["gomq.Admin", int | None], Awaitable[Any]],
) -> Any:  # noqa: ANN401 - what the work returns
    """Do work for one broker, or for all: where the cluster has several, somebody must say which."""
    if all_brokers and node is not None:
        raise click.UsageError("--node is one broker, --all-brokers are all: give one of them")

    async def connected(admin: "gomq.Admin") -> Any:  # noqa: ANN401 - what the work returns
        return await work(admin, None if all_brokers else await _target(admin, node))

    return ask_admin(broker, timeout, connected)


async def _target(admin: "gomq.Admin", node: int | None) -> int:
    nodes = [each.node_id for each in (await admin.describe_cluster()).brokers]
    known = ", ".join(map(str, nodes))
    if node is not None and node not in nodes:
        raise click.UsageError(f"there is no broker {node}: the cluster has {known}")
    if node is None and len(nodes) != 1:
        raise click.UsageError(f"the cluster has the brokers {known}: --node says which, or --all-brokers")
    return nodes[0] if node is None else node


def _kafkas(name: str) -> str:
    """Take a setting by our name or Kafka's, and return Kafka's."""
    setting = BY_NAME.get(name.replace("-", "_"), BY_NAME.get(name))
    return name if setting is None else setting.wire_name


def _known(name: str, found: "Mapping[str, ConfigEntry]") -> str:
    for each in (name, _kafkas(name)):
        if each in found:
            return each
    near = difflib.get_close_matches(name, found.keys() | BY_NAME.keys())
    hint = f"did you mean {' or '.join(near)}?" if near else "`gomq config get` lists all that there are"
    raise ConfigurationError(f"the broker has no setting {name!r}; {hint}")


def _row(entry: "ConfigEntry") -> Sequence[str]:
    value = "(hidden)" if entry.is_sensitive else "-" if entry.value in (None, "") else str(entry.value)
    return entry.name, value, entry.source.name.lower().replace("_", "-")


def _fields(entry: "ConfigEntry") -> dict[str, Any]:
    return {
        "name": entry.name,
        "value": entry.value,
        "source": entry.source.name.lower(),
        "is_own": entry.is_own,
        "type": entry.type.name.lower(),
        "is_read_only": entry.is_read_only,
        "is_sensitive": entry.is_sensitive,
        "synonyms": [
            {"name": each.name, "value": each.value, "source": each.source.name.lower()} for each in entry.synonyms
        ],
        "documentation": entry.documentation,
    }
