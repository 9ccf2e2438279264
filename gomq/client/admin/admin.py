"""Administration: ``async with Admin(address) as admin: await admin.create_topic(name)``."""

from collections.abc import Iterable, Mapping

from gomq.client.admin import (
    api_versions as versions,
    configs as resource_configs,
    descriptions,
    log_dirs as directories,
)
from gomq.client.admin.api_versions import BrokerApi
from gomq.client.admin.configs import ConfigEntry, Resource
from gomq.client.admin.descriptions import ClusterDescription
from gomq.client.admin.group_calls import GroupCalls
from gomq.client.admin.log_dirs import LogDir
from gomq.client.admin.topic_calls import TopicCalls


class Admin(TopicCalls, GroupCalls):
    """Asks a cluster about itself, its topics and its groups, and changes them.

    Methods that are about several things raise what failed as it is where it is one, and as an ``ExceptionGroup`` of
    ``GomqError`` where several of them failed.

    Args:
        address: HOST:PORT of a broker, or several, comma-separated, of one cluster.
        request_timeout: seconds for one answer, and for brokers to do what they are asked.
        retry_timeout: seconds for which what may pass is tried again, such as a coordinator that is looked for.
        client_id: what brokers call this client.
        security: how connections are made safe; None for plaintext.
        settings: all settings of connections at once, instead of the three before.
    """

    async def describe_cluster(self) -> ClusterDescription:
        """Describe the cluster."""
        return await descriptions.describe_cluster(self._asker)

    async def describe_broker_configs(self, node: int | None = None) -> dict[str, ConfigEntry]:
        """Return all configs of a broker by name; where none is named, those that were set for all brokers.

        Raises:
            ConnectionFailedError: there is no such broker, or it cannot be reached.
            BrokerError: the broker refuses, and says why.
        """
        return await resource_configs.describe_configs(self._asker, Resource.broker(node))

    async def alter_broker_configs(
        self,
        changes: Mapping[str, object] | None = None,
        *,
        node: int | None = None,
        unset: Iterable[str] = (),
        validate_only: bool = False,
    ) -> None:
        """Change a broker's configs while it runs, or those of all brokers; the others stay as they are (KIP-226).

        Args:
            changes: new values by name.
            node: the broker's id; None for all brokers.
            unset: names of those that shall be as they were set for all brokers, or when the broker was started.
            validate_only: only ask whether that could be done.

        Raises:
            ConnectionFailedError: there is no such broker, or it cannot be reached.
            BrokerError: the broker refuses, and says why; then nothing was changed.
        """
        await resource_configs.alter_configs(
            self._asker, Resource.broker(node), changes or {}, unset, validate_only=validate_only
        )

    async def log_dirs(
        self, topics: Mapping[str, Iterable[int]] | None = None, *, nodes: Iterable[int] | None = None
    ) -> list[LogDir]:
        """Describe brokers' data directories and how much each partition takes there, by node id and path.

        Args:
            topics: which partitions, by topic; None for all.
            nodes: ids of the brokers; None for all.

        Raises:
            ConnectionFailedError: a broker cannot be reached.
            BrokerError: a broker refuses.
            ExceptionGroup: several of them failed.
        """
        return await directories.log_dirs(self._asker, topics, nodes)

    async def api_versions(self, *, nodes: Iterable[int] | None = None) -> dict[int, tuple[BrokerApi, ...]]:
        """Return which requests brokers serve in which versions, by node id and in the order of their keys.

        Args:
            nodes: ids of the brokers; None for all.

        Raises:
            ConnectionFailedError: a broker cannot be reached, or the cluster has no such broker.
            ExceptionGroup: several of them failed.
        """
        return await versions.api_versions(self._asker, nodes)
