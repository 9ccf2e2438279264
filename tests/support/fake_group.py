"""A group of one member on a ``FakeCluster``: which node coordinates it, and the error codes it answers with."""

from collections import defaultdict, deque
from typing import Any

from gomq.protocol.api import Api
from tests.support.fake_broker import Exchange, FakeCluster

NOT_COORDINATOR = 16
MEMBER_ID_REQUIRED = 79
GROUP_APIS = (
    Api.JOIN_GROUP,
    Api.SYNC_GROUP,
    Api.HEARTBEAT,
    Api.LEAVE_GROUP,
    Api.OFFSET_COMMIT,
    Api.OFFSET_FETCH,
)


class FakeGroup:
    """Answers for a group, unless a fault is next in the cluster's script."""

    def __init__(self, cluster: FakeCluster, *, node: int = 1) -> None:
        self.cluster = cluster
        self.node = node
        """Which one coordinates."""
        self.generation = 0
        self.committed: dict[tuple[str, int], int] = {}
        self.epochs: dict[tuple[str, int], int] = {}
        """The leader epochs of what was committed, where commits tell them."""
        self._codes: dict[Api, deque[int]] = defaultdict(deque)
        self._members = 0
        self._assignments: dict[str, bytes] = {}
        cluster.always(Api.FIND_COORDINATOR, self.answer)
        for api in GROUP_APIS:
            cluster.always(api, self.answer)

    def fail(self, api: Api, *codes: int) -> None:
        """Answer the next requests of an API with error codes; 0 for a good answer."""
        self._codes[api].extend(codes)

    async def answer(self, exchange: Exchange) -> None:
        """Answer one request."""
        codes = self._codes[exchange.api]
        code = codes.popleft() if codes else 0
        if exchange.api is Api.FIND_COORDINATOR:
            values = self._found(code)
        else:
            code = code if exchange.node == self.node else NOT_COORDINATOR
            values = {
                Api.JOIN_GROUP: self._joined,
                Api.SYNC_GROUP: self._synced,
                Api.HEARTBEAT: lambda _, code: {"error_code": code},
                Api.LEAVE_GROUP: lambda _, code: {"error_code": code, "members": []},
                Api.OFFSET_COMMIT: self._commit,
                Api.OFFSET_FETCH: self._fetched,
            }[exchange.api](exchange, code)
        await exchange.stream.send(exchange.frame({"throttle_time": 0, **values}))

    def _found(self, code: int) -> dict[str, Any]:
        port = self.cluster.answers.ports[self.node]
        found = {"node_id": self.node, "host": "127.0.0.1", "port": port, "error_code": code, "error_message": None}
        return {**found, "coordinators": [{"key": "group", **found}]}

    def _joined(self, exchange: Exchange, code: int) -> dict[str, Any]:
        body = exchange.body
        member_id = body.member_id
        if not member_id:
            self._members += 1
            member_id = f"member-{self._members}"
            if exchange.head.version >= 4 and not code and body.group_instance_id is None:
                code = MEMBER_ID_REQUIRED
        self.generation += not code
        (protocol, *_) = body.protocols
        me = {"member_id": member_id, "group_instance_id": None, "metadata": protocol.metadata}
        return {
            "error_code": code,
            "generation_id": -1 if code else self.generation,
            "protocol_type": "consumer",
            "protocol_name": protocol.name,
            "leader": member_id,
            "skip_assignment": False,
            "member_id": member_id,
            "members": [] if code else [me],
        }

    def _synced(self, exchange: Exchange, code: int) -> dict[str, Any]:
        given = {each.member_id: bytes(each.assignment) for each in exchange.body.assignments}
        assignment = b"" if code else given.get(exchange.body.member_id, b"")
        return {"error_code": code, "protocol_type": "consumer", "protocol_name": "range", "assignment": assignment}

    def _commit(self, exchange: Exchange, code: int) -> dict[str, Any]:
        topics = []
        for topic in exchange.body.topics:
            if not code:
                for each in topic.partitions:
                    self.committed[topic.name, each.partition_index] = each.committed_offset
                    self.epochs[topic.name, each.partition_index] = getattr(each, "committed_leader_epoch", -1)
            partitions = [{"partition_index": each.partition_index, "error_code": code} for each in topic.partitions]
            topics.append({"name": topic.name, "partitions": partitions})
        return {"topics": topics}

    def _fetched(self, exchange: Exchange, code: int) -> dict[str, Any]:
        body = exchange.body
        asked = body.groups[0].topics if exchange.head.version >= 8 else body.topics
        topics = [
            {
                "name": topic.name,
                "partitions": [
                    {
                        "partition_index": index,
                        "committed_offset": self.committed.get((topic.name, index), -1),
                        "committed_leader_epoch": self.epochs.get((topic.name, index), -1),
                        "metadata": "",
                        "error_code": code,
                    }
                    for index in topic.partition_indexes
                ],
            }
            for topic in asked
        ]
        return {"topics": topics, "error_code": 0, "groups": [{"group_id": "group", "topics": topics, "error_code": 0}]}
