"""What a small and faultless Kafka cluster answers: its topics, as values for ``build``."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID, uuid4

import anyio

from gomq.protocol.api import Api, Versions
from tests.support.fake_partition import Partition, divergence, epoch_problem

UNKNOWN_TOPIC = 3
NOT_LEADER = 6
OUT_OF_RANGE = 1
TOPIC_EXISTS = 36
UNKNOWN_TOPIC_ID = 100


class Answers:
    """The state of the cluster."""

    def __init__(self) -> None:
        self.ports: dict[int, int] = {}
        self.advertised: dict[int, int] | None = None
        """Ports that Metadata tells of; None for the real ones."""
        self.topics: dict[str, list[Partition]] = {}
        self.topic_ids: dict[str, UUID] = {}
        self.creates_topics = True
        self.error_code = 0
        """Put into the next answer, wherever there is a place."""
        self.producer_ids = 0
        """How many were given."""
        self.cuts_batches = False
        """Whether a batch is cut off where a fetch wants fewer bytes, as brokers did before KIP-74."""
        self.versions: Mapping[Api, Versions] = {}

    def make_topic(self, name: str, *, partitions: int = 1) -> list[Partition]:
        nodes = sorted(self.ports)
        self.topic_ids[name] = uuid4()
        self.topics[name] = [Partition(leader=nodes[index % len(nodes)]) for index in range(partitions)]
        return self.topics[name]

    async def to(self, api: Api, body: Any, *, node: int) -> dict[str, Any] | None:
        """Make the values of an answer; None for none."""
        if api is Api.FETCH:
            return await self._fetch(body, node)
        plain: dict[Api, Callable[[], dict[str, Any] | None]] = {
            Api.API_VERSIONS: lambda: self.api_versions(self.versions, error_code=self.error_code),
            Api.METADATA: lambda: self._metadata(body),
            Api.PRODUCE: lambda: self._produce(body, node),
            Api.LIST_OFFSETS: lambda: self._list_offsets(body, node),
            Api.OFFSET_FOR_LEADER_EPOCH: lambda: self._epoch_ends(body, node),
            Api.CREATE_TOPICS: lambda: {"throttle_time": 0, "topics": [self._create(each) for each in body.topics]},
            Api.INIT_PRODUCER_ID: self._init_producer_id,
            Api.DELETE_TOPICS: lambda: {"throttle_time": 0, "responses": [self._delete(n) for n in body.topic_names]},
        }
        return plain[api]()

    def api_versions(self, versions: Mapping[Api, Versions], *, error_code: int) -> dict[str, Any]:
        keys = [{"api_key": api, "min_version": low, "max_version": high} for api, (low, high) in versions.items()]
        return {"error_code": error_code, "api_keys": keys, "throttle_time": 0}

    def _metadata(self, body: Any) -> dict[str, Any]:
        names = list(self.topics) if body.topics is None else [each.name for each in body.topics]
        for name in names:
            if name not in self.topics and self.creates_topics and body.allow_auto_topic_creation:
                self.make_topic(name)
        ports = self.ports if self.advertised is None else self.advertised
        return {
            "throttle_time": 0,
            "brokers": [{"node_id": n, "host": "127.0.0.1", "port": port, "rack": None} for n, port in ports.items()],
            "cluster_id": "fake",
            "controller_id": min(self.ports),
            "topics": [self._topic(name) for name in names],
            "cluster_authorized_operations": -(2**31),
        }

    def _topic(self, name: str) -> dict[str, Any]:
        partitions = [
            {
                "error_code": 0 if partition.leader >= 0 else 5,
                "partition_index": index,
                "leader_id": partition.leader,
                "leader_epoch": partition.epoch,
                "replica_nodes": (1,),
                "isr_nodes": (1,),
                "offline_replicas": (),
            }
            for index, partition in enumerate(self.topics.get(name, ()))
        ]
        code = self.error_code or (0 if name in self.topics else UNKNOWN_TOPIC)
        return {
            "error_code": code,
            "name": name,
            "topic_id": self.topic_ids.get(name),
            "is_internal": False,
            "partitions": partitions if not code else [],
            "topic_authorized_operations": -(2**31),
        }

    def _find(self, topic: str, index: int, node: int, *, follows: bool = False) -> tuple[int, Partition]:
        if self.error_code:
            return self.error_code, Partition()
        partitions = self.topics.get(topic, [])
        if index >= len(partitions):
            return UNKNOWN_TOPIC, Partition()
        found = partitions[index]
        has_it = node == found.leader or (follows and node in found.nearer.values())
        return (0 if has_it else NOT_LEADER), found

    def _produce(self, body: Any, node: int) -> dict[str, Any] | None:
        responses = []
        for topic in body.topic_data:
            results = []
            for each in topic.partition_data:
                code, partition = self._find(topic.name, int(each.index), node)
                base = -1
                if not code:
                    code, base = partition.produce(bytes(each.records))
                results.append({
                    "index": each.index,
                    "error_code": code,
                    "base_offset": base,
                    "log_append_time": -1,
                    "log_start_offset": partition.start,
                    "record_errors": [],
                    "error_message": None,
                })  # fmt: skip
            responses.append({"name": topic.name, "partition_responses": results})
        return {"responses": responses, "throttle_time": 0} if body.acks else None

    async def _fetch(self, body: Any, node: int) -> dict[str, Any]:
        with anyio.move_on_after(body.max_wait.total_seconds()):
            while True:
                wanted = [(self._name(topic), each.partition) for topic in body.topics for each in topic.partitions]
                news = [self._find(name, int(index), node)[1].appended for name, index in wanted]
                answer = [self._fetched(topic, node, body) for topic in body.topics]
                if any(_is_news(each) for topic in answer for each in topic["partitions"]):
                    break
                async with anyio.create_task_group() as group:
                    for event in news:
                        group.start_soon(_wait_and_cancel, event, group.cancel_scope)
        return {"throttle_time": 0, "error_code": 0, "session_id": 0, "responses": answer}

    def _name(self, topic: Any) -> str:
        """The name of a topic that a fetch asks for, by its id perhaps; empty for none."""
        by_id = {topic_id: name for name, topic_id in self.topic_ids.items()}
        return topic.topic if hasattr(topic, "topic") else by_id.get(topic.topic_id, "")

    def _fetched(self, topic: Any, node: int, body: Any) -> dict[str, Any]:
        partitions = []
        name = self._name(topic)
        for each in topic.partitions:
            code, partition = self._find(name, int(each.partition), node, follows=True)
            code = (UNKNOWN_TOPIC_ID if not name and not self.error_code else 0) or code
            nearer = (
                partition.nearer.get(getattr(body, "rack_id", ""), -1) if not code and partition.leader == node else -1
            )
            code = code or epoch_problem(partition, getattr(each, "current_leader_epoch", -1))
            if not code and not partition.start <= each.fetch_offset <= partition.end:
                code = OUT_OF_RANGE
            diverging = None if code else divergence(partition, each)
            end = partition.stable(getattr(body, "isolation_level", 0))
            is_readable = not code and diverging is None and each.fetch_offset < end and nearer == -1
            most = min(each.partition_max_bytes, body.max_bytes)
            records = partition.read(each.fetch_offset, most, end) if is_readable else b""
            if self.cuts_batches:
                records = records[: each.partition_max_bytes]
            partitions.append({
                "partition_index": each.partition,
                "error_code": code,
                "high_watermark": partition.end,
                "last_stable_offset": end,
                "log_start_offset": partition.start,
                "aborted_transactions": [
                    {"producer_id": producer_id, "first_offset": first} for producer_id, first in partition.aborted
                ],
                "preferred_read_replica": nearer,
                "records": records,
            } | ({"diverging_epoch": diverging} if diverging else {}))  # fmt: skip
        topic_id = getattr(topic, "topic_id", None)
        return {"topic": name, "topic_id": topic_id, "partitions": partitions}

    def _epoch_ends(self, body: Any, node: int) -> dict[str, Any]:
        topics = []
        for topic in body.topics:
            partitions = []
            for each in topic.partitions:
                code, partition = self._find(topic.topic, int(each.partition), node)
                code = code or epoch_problem(partition, getattr(each, "current_leader_epoch", -1))
                epoch, end = (-1, -1) if code else partition.end_of(each.leader_epoch)
                partitions.append(
                    {"partition": each.partition, "error_code": code, "leader_epoch": epoch, "end_offset": end}
                )
            topics.append({"topic": topic.topic, "partitions": partitions})
        return {"throttle_time": 0, "topics": topics}

    def _init_producer_id(self) -> dict[str, Any]:
        if not self.error_code:
            self.producer_ids += 1
        producer_id = -1 if self.error_code else self.producer_ids
        return {"throttle_time": 0, "error_code": self.error_code, "producer_id": producer_id, "producer_epoch": 0}

    def _list_offsets(self, body: Any, node: int) -> dict[str, Any]:
        topics = []
        for topic in body.topics:
            partitions = []
            for each in topic.partitions:
                code, partition = self._find(topic.name, int(each.partition_index), node)
                offset = partition.find(each.timestamp, partition.stable(getattr(body, "isolation_level", 0)))
                partitions.append({
                    "partition_index": each.partition_index,
                    "error_code": code,
                    "timestamp": -1,
                    "offset": -1 if code else offset,
                    "leader_epoch": 0,
                })  # fmt: skip
            topics.append({"name": topic.name, "partitions": partitions})
        return {"throttle_time": 0, "topics": topics}

    def _create(self, topic: Any) -> dict[str, Any]:
        code = self.error_code or (TOPIC_EXISTS if topic.name in self.topics else 0)
        if not code:
            self.make_topic(topic.name, partitions=topic.num_partitions)
        return {
            "name": topic.name,
            "topic_id": uuid4(),
            "error_code": code,
            "error_message": None,
            "num_partitions": topic.num_partitions,
            "replication_factor": 1,
            "configs": (),
        }

    def _delete(self, name: str) -> dict[str, Any]:
        code = self.error_code
        if not code and self.topics.pop(name, None) is None:
            code = UNKNOWN_TOPIC
        return {"name": name, "error_code": code, "error_message": None}


async def _wait_and_cancel(event: anyio.Event, scope: anyio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


def _is_news(partition: dict[str, Any]) -> bool:
    is_redirected = partition["preferred_read_replica"] >= 0
    return bool(partition["records"] or partition["error_code"] or is_redirected or "diverging_epoch" in partition)
