"""What brokers answer to whoever writes, reads and describes topics."""

from gomq.errors.base import BrokerError


class OffsetOutOfRangeError(BrokerError):
    """The wanted offset lies before the first message kept or after the last."""

    code = 1


class CorruptMessageError(BrokerError):
    """A batch failed its checksum, on its way or on disk."""

    code = 2


class UnknownTopicError(BrokerError):
    """The topic does not exist, or not the partition; Kafka's ``UNKNOWN_TOPIC_OR_PARTITION``."""

    code = 3


class InvalidFetchSizeError(BrokerError):
    """A fetch wanted an impossible number of bytes."""

    code = 4


class LeaderNotAvailableError(BrokerError):
    """The partition has no leader just now."""

    code = 5


class NotLeaderError(BrokerError):
    """Another broker leads the partition now; Kafka's ``NOT_LEADER_OR_FOLLOWER``."""

    code = 6


class BrokerTimeoutError(BrokerError):
    """The broker gave up waiting for what the request needed; Kafka's ``REQUEST_TIMED_OUT``."""

    code = 7


class ReplicaNotAvailableError(BrokerError):
    """The broker has no copy of the partition that it can read."""

    code = 9


class MessageTooLargeError(BrokerError):
    """The batch is larger than the topic's ``max.message.bytes``."""

    code = 10
    advice = "publish smaller messages, or raise max.message.bytes"


class InvalidTopicError(BrokerError):
    """No topic may have this name."""

    code = 17


class RecordListTooLargeError(BrokerError):
    """The batch is larger than the broker's segments."""

    code = 18


class NotEnoughReplicasError(BrokerError):
    """Fewer replicas are in sync than the topic's ``min.insync.replicas`` asks for; nothing was stored."""

    code = 19
    advice = "start the brokers that are missing, or lower min.insync.replicas"


class NotEnoughReplicasAfterAppendError(BrokerError):
    """Stored, but on fewer replicas than the topic's ``min.insync.replicas`` asks for."""

    code = 20


class InvalidRequiredAcksError(BrokerError):
    """The broker knows no such ``acks``."""

    code = 21


class InvalidTimestampError(BrokerError):
    """A message's time is further from the broker's than the topic allows."""

    code = 32


class TopicAlreadyExistsError(BrokerError):
    """A topic of this name is there already."""

    code = 36


class InvalidPartitionsError(BrokerError):
    """A topic cannot have that number of partitions."""

    code = 37


class InvalidReplicationFactorError(BrokerError):
    """The cluster cannot keep that number of replicas."""

    code = 38
    advice = "choose at most as many as there are brokers"


class InvalidReplicaAssignmentError(BrokerError):
    """Replicas cannot be placed on these brokers."""

    code = 39


class UnsupportedForMessageFormatError(BrokerError):
    """The topic's messages have a format too old for the request."""

    code = 43


class PolicyViolationError(BrokerError):
    """A rule that the cluster's owner made forbids it."""

    code = 44


class StorageFailedError(BrokerError):
    """The broker could not write to its disk, or not make sure of it; its log says why."""

    code = 56
    advice = "look into the broker's log"


class LogDirNotFoundError(BrokerError):
    """The broker has no such log directory."""

    code = 57


class ReassignmentInProgressError(BrokerError):
    """The partition's replicas are being moved."""

    code = 60


class FetchSessionIdNotFoundError(BrokerError):
    """The broker has forgotten the fetch session (KIP-227)."""

    code = 70


class InvalidFetchSessionEpochError(BrokerError):
    """The fetch is not the next one of its session (KIP-227)."""

    code = 71


class TopicDeletionDisabledError(BrokerError):
    """The cluster deletes no topics."""

    code = 73


class FencedLeaderEpochError(BrokerError):
    """The request knows an older leader than the broker does (KIP-320)."""

    code = 74


class UnknownLeaderEpochError(BrokerError):
    """The request knows a newer leader than the broker does (KIP-320)."""

    code = 75


class UnsupportedCompressionTypeError(BrokerError):
    """The request is too old for the codec of these messages."""

    code = 76


class OffsetNotAvailableError(BrokerError):
    """A new leader does not know yet how far its log is final."""

    code = 78


class NoReassignmentInProgressError(BrokerError):
    """The partition's replicas are not being moved."""

    code = 85


class InvalidRecordError(BrokerError):
    """The broker refuses a message for what it is, such as one without key in a compacted topic."""

    code = 87


class UnknownTopicIdError(BrokerError):
    """The topic id belongs to no topic."""

    code = 100


class InconsistentTopicIdError(BrokerError):
    """The topic was deleted and made anew."""

    code = 103


class FetchSessionTopicIdError(BrokerError):
    """Topic ids came or went within a fetch session (KIP-516)."""

    code = 106


class OffsetMovedToTieredStorageError(BrokerError):
    """The messages are in tiered storage only (KIP-405)."""

    code = 109


# these have shorter names than Kafka's; both are good
UnknownTopicOrPartitionError = UnknownTopicError
NotLeaderOrFollowerError = NotLeaderError
RequestTimedOutError = BrokerTimeoutError
KafkaStorageError = StorageFailedError
