"""The admin without an event loop."""

from typing import Final

from gomq.blocking.portal import Blocking, blocking
from gomq.client.admin.admin import Admin as AsyncAdmin
from gomq.client.cluster.security import Security
from gomq.client.cluster.settings import ConnectionSettings


class Admin(Blocking[AsyncAdmin]):
    """Asks a cluster about itself, its topics and its groups, and changes them: ``gomq.Admin`` says how.

    Args:
        address: HOST:PORT of a broker, or several, comma-separated, of one cluster.
        request_timeout: seconds for one answer, and for brokers to do what they are asked.
        retry_timeout: seconds for which what may pass is tried again, such as a coordinator that is looked for.
        client_id: what brokers call this client.
        security: how connections are made safe; None for plaintext.
        settings: all settings of connections at once, instead of the three before.
    """

    def __init__(
        self,
        address: str = "localhost:9092",
        *,
        request_timeout: float = 30.0,
        retry_timeout: float = 60.0,
        client_id: str = "gomq",
        security: Security | None = None,
        settings: ConnectionSettings | None = None,
    ) -> None:
        super().__init__(
            AsyncAdmin(
                address,
                request_timeout=request_timeout,
                retry_timeout=retry_timeout,
                client_id=client_id,
                security=security,
                settings=settings,
            )
        )

    list_topics: Final = blocking(AsyncAdmin.list_topics)
    describe_topic: Final = blocking(AsyncAdmin.describe_topic)
    describe_topics: Final = blocking(AsyncAdmin.describe_topics)
    create_topic: Final = blocking(AsyncAdmin.create_topic)
    create_topics: Final = blocking(AsyncAdmin.create_topics)
    delete_topic: Final = blocking(AsyncAdmin.delete_topic)
    delete_topics: Final = blocking(AsyncAdmin.delete_topics)
    create_partitions: Final = blocking(AsyncAdmin.create_partitions)
    describe_configs: Final = blocking(AsyncAdmin.describe_configs)
    alter_configs: Final = blocking(AsyncAdmin.alter_configs)
    delete_records: Final = blocking(AsyncAdmin.delete_records)
    topic_offsets: Final = blocking(AsyncAdmin.topic_offsets)
    describe_producers: Final = blocking(AsyncAdmin.describe_producers)

    list_groups: Final = blocking(AsyncAdmin.list_groups)
    describe_group: Final = blocking(AsyncAdmin.describe_group)
    describe_groups: Final = blocking(AsyncAdmin.describe_groups)
    group_offsets: Final = blocking(AsyncAdmin.group_offsets)
    plan_reset: Final = blocking(AsyncAdmin.plan_reset)
    reset_offsets: Final = blocking(AsyncAdmin.reset_offsets)
    delete_group: Final = blocking(AsyncAdmin.delete_group)
    delete_groups: Final = blocking(AsyncAdmin.delete_groups)
    delete_group_offsets: Final = blocking(AsyncAdmin.delete_group_offsets)
    remove_members: Final = blocking(AsyncAdmin.remove_members)

    describe_cluster: Final = blocking(AsyncAdmin.describe_cluster)
    describe_broker_configs: Final = blocking(AsyncAdmin.describe_broker_configs)
    alter_broker_configs: Final = blocking(AsyncAdmin.alter_broker_configs)
    log_dirs: Final = blocking(AsyncAdmin.log_dirs)
    api_versions: Final = blocking(AsyncAdmin.api_versions)
