"""What a small and faultless Kafka cluster answers: topics and their batches in memory, as values for ``build``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import anyio

from gomq.protocol.api import Api, Versions
from gomq_storage.batch import MAGIC, MAGIC_POSITION, read_header, stamp, walk
from gomq_storage.errors import InvalidProducerEpochError, OutOfOrderSequenceError
from gomq_storage.producers import Producers
from gomq_storage.record import Record, decode_batch

UNKNOWN_TOPIC = 3
NOT_LEADER = 6
OUT_OF_RANGE = 1
TOPIC_EXISTS = 36
FENCED_LEADER_EPOCH = 74
UNKNOWN_LEADER_EPOCH = 75
UNKNOWN_TOPIC_ID = 100
OUT_OF_ORDER_SEQUENCE = 45
INVALID_PRODUCER_EPOCH = 47


@dataclass
class Partition:
    """Batches of one partition, and who leads it; -1 for nobody."""

    leader: int = 1
    start: int = 0
    end: int = 0
    batches: list[tuple[int, bytes]] = field(default_factory=list)
    """Offset behind each batch, and the batch."""
    epoch: int = 0
    """The leader's, and that of batches that are appended."""
    aborted: list[tuple[int, int]] = field(default_factory=list)
    """Producer and first offset of aborted transactions."""
    last_stable: int | None = None
    """Where the first open transaction begins; None for the end."""
    nearer: dict[str, int] = field(default_factory=dict)
    """The node that the leader names to consumers of a rack."""
    appended: anyio.Event = field(default_factory=anyio.Event)
    producers: Producers = field(default_factory=Producers)

    def produce(self, data: bytes) -> tuple[int, int]:
        """Store a producer's batches unless they are there already; return an error code and the first offset."""
        base = self.end
        for position, header in walk(data):
            if header.producer_id >= 0:
                try:
                    known = self.producers.check(header)
                except OutOfOrderSequenceError:
                    return OUT_OF_ORDER_SEQUENCE, -1
                except InvalidProducerEpochError:
                    return INVALID_PRODUCER_EPOCH, -1
                if known is not None:
                    return 0, known.base_offset
            self.append(data[position : position + header.size])
        return 0, base

    def append(self, data: bytes) -> int:
        """Store batches as they are, with offsets of their own, and return the first."""
        base = self.end
        for position, header in walk(data):
            batch = data[position : position + header.size]
            batch = stamp(header, base_offset=self.end, leader_epoch=self.epoch) + batch[16:]
            self.store(batch)
            self.producers.note(read_header(batch))
        return base

    def store(self, batch: bytes) -> None:
        """Store one batch at the offset it names."""
        self.end = read_header(batch).next_offset
        self.batches.append((self.end, batch))
        self.appended.set()
        self.appended = anyio.Event()

    def read(self, offset: int, max_bytes: int, until: int) -> bytes:
        """Whole batches from the one on that holds the offset, at least one."""
        found = b""
        for end, batch in self.batches:
            if offset < end <= until and (not found or len(found) + len(batch) <= max_bytes):
                found += batch
        return found

    def cut(self, offset: int) -> None:
        """Take away the batches from an offset on, which one of them begins with."""
        self.batches = [each for each in self.batches if each[0] <= offset]
        self.end = offset

    def end_of(self, epoch: int) -> tuple[int, int]:
        """The largest epoch up to one, and where it ends; -1 and -1 for none, and behind the leader's own."""
        if epoch > self.epoch:
            return -1, -1
        headers = [read_header(batch) for _, batch in self.batches if batch[MAGIC_POSITION] == MAGIC]
        epochs = [header.leader_epoch for header in headers if header.leader_epoch <= epoch]
        later = [header.base_offset for header in headers if header.leader_epoch > epoch]
        return (max(epochs), min(later, default=self.end)) if epochs else (-1, -1)

    def stable(self, isolation: int) -> int:
        """The end that a consumer sees."""
        return self.end if self.last_stable is None or not isolation else self.last_stable

    def find(self, timestamp: int, end: int) -> int:
        """The first offset at or after a time, -1 for none; the start for -2, the end for -1."""
        if timestamp < 0:
            return self.start if timestamp == -2 else end
        return next((record.offset for record in self.records() if record.timestamp >= timestamp), -1)

    def records(self) -> list[Record]:
        return [record for _, batch in self.batches for record in decode_batch(batch, read_header(batch))]


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
            code = code or _epoch_problem(partition, getattr(each, "current_leader_epoch", -1))
            if not code and not partition.start <= each.fetch_offset <= partition.end:
                code = OUT_OF_RANGE
            diverging = None if code else _divergence(partition, each)
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
                code = code or _epoch_problem(partition, getattr(each, "current_leader_epoch", -1))
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


def _epoch_problem(partition: Partition, believed: int) -> int:
    if believed in (-1, partition.epoch):
        return 0
    return FENCED_LEADER_EPOCH if believed < partition.epoch else UNKNOWN_LEADER_EPOCH


def _divergence(partition: Partition, wanted: Any) -> dict[str, int] | None:
    """Where the log leaves what a fetch goes on from (KIP-595)."""
    last = getattr(wanted, "last_fetched_epoch", -1)
    if last < 0:
        return None
    epoch, end = partition.end_of(last)
    return {"epoch": epoch, "end_offset": end} if epoch < last or end < wanted.fetch_offset else None
