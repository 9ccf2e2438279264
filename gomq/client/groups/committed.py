"""A group's committed offsets, written and read: OffsetCommit 2 to 9, OffsetFetch 1 to 9."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import anyio

from gomq.client.cluster.backoff import Backoff
from gomq.client.groups.coordinator import GroupCoordinator
from gomq.client.groups.offsets import CommittedOffset, OffsetAndMetadata
from gomq.client.groups.state import LOST_COORDINATOR_CODES
from gomq.client.groups.subscription import NO_GENERATION
from gomq.errors import BrokerError, GomqError, ProtocolError, error_for
from gomq.protocol.api import Api
from gomq_storage.layout import TopicPartition

_NO_EPOCH: Final = -1
_UNKNOWN_TOPIC: Final = 3
_BROKER_CHOOSES: Final = -1
"""For how long the offsets are kept: so long as the broker is told to keep any."""


class Identity(NamedTuple):
    """As whom to commit; by default as nobody, which a group without members allows."""

    member_id: str = ""
    generation: int = NO_GENERATION
    instance_id: str | None = None


NOBODY: Final = Identity()


class GroupOffsets:
    """Commits and reads a group's offsets.

    Args:
        coordinator: of the group.
        group_id: its name, for errors.
        backoff: the pauses where something is to be tried again.
        patience: seconds to try again for.
        require_stable: whether to wait for transactions that commit offsets (KIP-447), as ``read_committed`` has to.
    """

    def __init__(
        self,
        coordinator: GroupCoordinator,
        group_id: str,
        *,
        backoff: Backoff,
        patience: float,
        require_stable: bool = False,
    ) -> None:
        self._coordinator = coordinator
        self._group_id = group_id
        self._backoff = backoff
        self._patience = patience
        self._require_stable = require_stable
        self._turn = anyio.Lock()

    async def commit(self, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        """Commit for a group without members; again where that may help.

        Raises:
            BrokerError: named after the code: such as UnknownMemberIdError where the group has members.
        """
        deadline = anyio.current_time() + self._patience
        while True:
            try:
                self.check(await self.commit_once(offsets, NOBODY))
            except GomqError as error:
                await self.pause_after(error, deadline)
            else:
                return

    async def commit_once(
        self, offsets: Mapping[TopicPartition, OffsetAndMetadata], identity: Identity
    ) -> dict[TopicPartition, int]:
        """Commit, and return the error codes; commits follow one another in the order of these calls.

        Raises:
            GomqError: there is no answer.
        """
        if not offsets:
            return {}
        topics: dict[str, list[dict[str, Any]]] = {}
        for partition, offset in offsets.items():
            topics.setdefault(partition.topic, []).append({
                "partition_index": partition.partition,
                "committed_offset": offset.offset,
                "committed_leader_epoch": _NO_EPOCH if offset.leader_epoch is None else offset.leader_epoch,
                "committed_metadata": offset.metadata,
            })  # fmt: skip
        values = {
            "generation_id_or_member_epoch": identity.generation,
            "member_id": identity.member_id,
            "group_instance_id": identity.instance_id,
            "retention_time": _BROKER_CHOOSES,
            "topics": [{"name": name, "partitions": partitions} for name, partitions in topics.items()],
        }
        async with self._turn:
            response = await self._coordinator.ask(Api.OFFSET_COMMIT, values)
        self._backoff.reset()
        codes = {
            TopicPartition(topic.name, int(each.partition_index)): int(each.error_code)
            for topic in response.topics
            for each in topic.partitions
        }
        return {partition: _mentioned(codes, partition) for partition in offsets}

    def check(self, codes: Mapping[TopicPartition, int]) -> None:
        """Raise what is wrong with the first partition that was not committed; the worst comes first."""
        failed = {partition: code for partition, code in codes.items() if code}
        errors = [
            error_for(code, f"group {self._group_id!r} could not commit for {partition}")
            for partition, code in failed.items()
        ]
        if errors:
            raise min(errors, key=is_retriable)

    async def committed(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, CommittedOffset | None]:
        """Read what was committed; None where nothing was. Tries again where that may help.

        Raises:
            BrokerError: named after the code, such as GroupAuthorizationFailedError.
        """
        wanted = list(partitions)
        deadline = anyio.current_time() + self._patience
        while wanted:
            try:
                return await self.committed_once(wanted)
            except GomqError as error:
                await self.pause_after(error, deadline)
        return {}

    async def committed_once(self, wanted: Iterable[TopicPartition]) -> dict[TopicPartition, CommittedOffset | None]:
        """Read what was committed, in one go."""
        topics: dict[str, list[int]] = {}
        for partition in wanted:
            topics.setdefault(partition.topic, []).append(partition.partition)
        listed = [{"name": name, "partition_indexes": indexes} for name, indexes in topics.items()]
        group = {"group_id": self._group_id, "member_id": None, "member_epoch": NO_GENERATION, "topics": listed}
        values = {"topics": listed, "groups": [group], "require_stable": self._require_stable}
        response = await self._coordinator.ask(Api.OFFSET_FETCH, values)
        (answer,) = getattr(response, "groups", (response,)) or (None,)
        if answer is None:
            raise ProtocolError(f"the answer does not mention group {self._group_id!r}")
        if code := int(getattr(answer, "error_code", 0)):
            raise error_for(code, f"group {self._group_id!r} does not tell its offsets")
        found = {
            TopicPartition(topic.name, int(each.partition_index)): each
            for topic in answer.topics
            for each in topic.partitions
        }
        return {partition: self._read(partition, found.get(partition)) for partition in wanted}

    def _read(self, partition: TopicPartition, answer: Any) -> CommittedOffset | None:  # noqa: ANN401 - one class a version
        if answer is None:
            raise ProtocolError(f"the answer does not mention {partition}")
        if code := int(answer.error_code):
            raise error_for(code, f"group {self._group_id!r} does not tell its offset of {partition}")
        if answer.committed_offset < 0:
            return None
        epoch = int(getattr(answer, "committed_leader_epoch", _NO_EPOCH))
        return CommittedOffset(int(answer.committed_offset), answer.metadata or "", epoch if epoch >= 0 else None)

    async def pause_after(self, error: GomqError, deadline: float, *, may_pass: bool = False) -> None:
        """Pause before the same is tried again; raise the error where that is no use, or too late.

        Args:
            error: what went wrong.
            deadline: when it is too late.
            may_pass: whether it is of use though Kafka says otherwise.
        """
        if not (is_retriable(error) or may_pass) or anyio.current_time() >= deadline:
            raise error
        if not isinstance(error, BrokerError) or error.code in LOST_COORDINATOR_CODES:
            self._coordinator.forget()
        await anyio.sleep(self._backoff.next())


def is_retriable(error: GomqError) -> bool:
    """Kafka tries a commit again for a topic that is not known yet, too."""
    return error.retriable or (isinstance(error, BrokerError) and error.code == _UNKNOWN_TOPIC)


def _mentioned(codes: Mapping[TopicPartition, int], partition: TopicPartition) -> int:
    if partition not in codes:
        raise ProtocolError(f"the answer to a commit does not mention {partition}")
    return codes[partition]
