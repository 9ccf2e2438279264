"""``gomq cluster``: which brokers there are, what they hold, and what they speak."""

import json
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any, Final

import click

import gomq
from gomq.cli.asking import ask_admin, tell_failure, timeout_option
from gomq.cli.help import Group
from gomq.cli.options import FAILED, broker_option, examples, format_option, option
from gomq.cli.tables import print_table
from gomq.errors import GomqError

if TYPE_CHECKING:  # help is not to wait for the client
    from gomq.client.admin import BrokerApi, ClusterDescription, LogDir

_BROKERS: Final = ("ID", "ADDRESS", "RACK", "CONTROLLER", "LISTENERS")
_LISTENERS: Final = ("advertised.listeners", "listeners")
_DIRECTORIES: Final = ("ID", "DIRECTORY", "PARTITIONS", "SIZE", "DISK-FREE", "DISK-TOTAL", "ERROR")
_APIS: Final = ("ID", "KEY", "API", "OLDEST", "NEWEST", "USED")


@dataclass(slots=True)
class _Found:
    """What a cluster says of itself."""

    cluster: "ClusterDescription"
    topics: int
    partitions: int
    internal_topics: int
    directories: "list[LogDir] | None" = None
    """None where they are not told."""
    listeners: dict[int, str | None] = field(default_factory=dict)
    """As the brokers' configs have them, by node id."""
    apis: "dict[int, tuple[BrokerApi, ...]]" = field(default_factory=dict)
    code: int = 0


@click.group(cls=Group, epilog=examples("gomq cluster info"))
def cluster() -> None:
    """Show the brokers of a cluster, and what they hold."""


@cluster.command(
    epilog=examples(
        "gomq cluster info",
        "gomq cluster info --apis -b kafka-1:9092,kafka-2:9092",
        "gomq cluster info --format json | jq .topics",
    )
)
@broker_option
@option("--apis", is_flag=True, help="Which requests each broker serves, and in which versions, too.")
@timeout_option
@format_option
def info(*, broker: str, apis: bool, timeout: float, output_format: str) -> int:
    """Show a cluster's id, its brokers, how many topics it has, and how full its data directories are.

    USED is the version in which GoMQ's client asks. What a broker does not tell is left out, and the exit code is 1.
    """

    async def work(admin: "gomq.Admin") -> _Found:
        return await _find(admin, with_apis=apis)

    found = ask_admin(broker, timeout, work)
    if output_format == "json":
        print(json.dumps(_fields(found), ensure_ascii=False))
    else:
        _print(found)
    return found.code


async def _find(admin: "gomq.Admin", *, with_apis: bool) -> _Found:
    topics = await admin.list_topics(internal=True)
    found = _Found(
        cluster=await admin.describe_cluster(),
        topics=len(topics),
        partitions=sum(len(topic.partitions) for topic in topics),
        internal_topics=sum(topic.is_internal or topic.name.startswith("__") for topic in topics),
    )

    async def find_directories(node: int) -> None:
        found.directories = [*(found.directories or []), *await admin.log_dirs(nodes=[node])]

    async def find_listeners(node: int) -> None:
        configs = await admin.describe_broker_configs(node)
        given = [configs[name].value for name in _LISTENERS if name in configs]
        found.listeners[node] = next(filter(None, given), None)

    async def find_apis(node: int) -> None:
        found.apis |= await admin.api_versions(nodes=[node])

    finds = (find_directories, find_listeners, *([find_apis] if with_apis else []))
    for each, find in product(found.cluster.brokers, finds):
        try:
            await find(each.node_id)
        except GomqError as error:  # one broker may be gone, and the others are not
            tell_failure(error)
            found.code = FAILED
    return found


def _print(found: _Found) -> None:
    described = found.cluster
    topics = f"topics: {found.topics - found.internal_topics}, internal topics: {found.internal_topics}"
    print(f"cluster: {described.cluster_id or '-'}, {topics}, partitions: {found.partitions}\n")
    rows = [
        (
            str(each.node_id),
            str(each.address),
            each.rack or "-",
            "yes" if each.node_id == described.controller_id else "-",
            found.listeners.get(each.node_id) or "-",
        )
        for each in described.brokers
    ]
    print_table(_BROKERS, rows)
    if found.directories is not None:
        print()
        print_table(_DIRECTORIES, [_directory_row(each) for each in found.directories])
    if found.apis:
        print()
        print_table(_APIS, [_api_row(node, each) for node, apis in found.apis.items() for each in apis])


def _directory_row(directory: "LogDir") -> tuple[str, ...]:
    sizes = (directory.size_bytes, directory.usable_bytes, directory.total_bytes)
    error = "" if directory.error is None else str(directory.error)
    return str(directory.node_id), directory.path, str(len(directory.logs)), *map(size_text, sizes), error


def _api_row(node: int, api: "BrokerApi") -> tuple[str, ...]:
    used = "-" if api.used is None else str(api.used)
    return str(node), str(api.key), api.name or "-", str(api.oldest), str(api.newest), used


def size_text(count: int | None) -> str:
    """Write a number of bytes as people read it."""
    if count is None:
        return "-"
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} PiB"


def _fields(found: _Found) -> dict[str, Any]:
    described = found.cluster
    fields: dict[str, Any] = {
        "cluster_id": described.cluster_id,
        "controller_id": described.controller_id,
        "brokers": [
            {
                "node_id": each.node_id,
                "host": each.address.host,
                "port": each.address.port,
                "rack": each.rack,
                "listeners": found.listeners.get(each.node_id),
            }
            for each in described.brokers
        ],
        "topics": found.topics,
        "internal_topics": found.internal_topics,
        "partitions": found.partitions,
        "log_dirs": None if found.directories is None else [_directory_fields(each) for each in found.directories],
    }
    if found.apis:
        fields["apis"] = [_api_fields(node, each) for node, apis in found.apis.items() for each in apis]
    return fields


def _directory_fields(directory: "LogDir") -> dict[str, Any]:
    return {
        "node_id": directory.node_id,
        "path": directory.path,
        "partitions": len(directory.logs),
        "size_bytes": directory.size_bytes,
        "usable_bytes": directory.usable_bytes,
        "total_bytes": directory.total_bytes,
        "error": None if directory.error is None else str(directory.error),
    }


def _api_fields(node: int, api: "BrokerApi") -> dict[str, Any]:
    return {
        "node_id": node,
        "key": api.key,
        "name": api.name,
        "oldest": api.oldest,
        "newest": api.newest,
        "used": api.used,
    }
