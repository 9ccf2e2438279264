"""Which requests brokers serve, and in which versions."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kio.schema.index import api_key_map

from gomq._version import __version__
from gomq.client.admin.asking import Asker
from gomq.client.admin.refusals import refusal
from gomq.protocol.api import SPOKEN, Api, Versions, common_version


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerApi:
    """A kind of request that a broker serves."""

    key: int
    """Its number in Kafka's protocol."""
    name: str | None
    """Such as "list_offsets"; None for one that is newer than this client."""
    oldest: int
    newest: int
    used: int | None
    """The version in which this client asks; None where it asks in none."""


async def api_versions(asker: Asker, nodes: Iterable[int] | None) -> dict[int, tuple[BrokerApi, ...]]:
    """Return what brokers serve, by node id and in the order of the keys.

    Args:
        asker: who asks.
        nodes: ids of the brokers; None for all.

    Raises:
        ConnectionFailedError: a broker cannot be reached, or the cluster has no such broker.
        ExceptionGroup: several of them failed.
    """
    values = {"client_software_name": "gomq", "client_software_version": __version__}

    async def ask(node: int | None) -> tuple[BrokerApi, ...]:
        response = await asker.cluster.ask(Api.API_VERSIONS, values, node=node)
        if response.error_code:
            raise refusal(f"broker {node} does not say which versions it serves", response)
        return tuple(sorted(map(_broker_api, response.api_keys), key=lambda each: each.key))

    return await asker.ask_brokers(nodes, ask)


def _broker_api(offered: Any) -> BrokerApi:  # noqa: ANN401 - one class a version
    key = int(offered.api_key)
    versions = Versions(int(offered.min_version), int(offered.max_version))
    known = next((api for api in SPOKEN if api == key), None)
    return BrokerApi(
        key=key,
        name=api_key_map.get(key),
        oldest=versions.oldest,
        newest=versions.newest,
        used=None if known is None else common_version(known, versions),
    )
