"""What can be wrong with a mirror, besides what brokers and connections say."""

from gomq.errors import GomqError
from gomq_storage.layout import TopicPartition


class MirrorError(GomqError):
    """A topic cannot be carried over, or not go on; the message says what to do."""


class ForeignMessagesError(MirrorError):
    """The target has messages that are not those of the source."""

    def __init__(self, target: TopicPartition, reason: str) -> None:
        super().__init__(
            f"{target}: {reason}. A mirror only adds to what it has written itself: delete the topic at the target, "
            "or mirror to a cluster that does not have it"
        )
        self.target = target
        self.reason = reason


class StaleEndError(MirrorError):
    """Something was written to the target since its end was looked up: by a mirror that was killed, or by another."""

    def __init__(self, target: TopicPartition, reason: str) -> None:
        super().__init__(f"{target}: {reason}; does another mirror, or a producer, write to it as well? Stop that one")
        self.target = target
        self.reason = reason
