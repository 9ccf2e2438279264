"""What coordinators answer to consumers and their groups, share groups and streams included."""

from gomq.errors.base import BrokerError


class OffsetMetadataTooLargeError(BrokerError):
    """The note beside a committed offset is too long."""

    code = 12


class CoordinatorLoadInProgressError(BrokerError):
    """The coordinator is still reading what it has to know."""

    code = 14


class CoordinatorNotAvailableError(BrokerError):
    """There is no coordinator just now."""

    code = 15


class NotCoordinatorError(BrokerError):
    """Another broker is the coordinator now."""

    code = 16


class IllegalGenerationError(BrokerError):
    """The member speaks of a generation of the group that has passed."""

    code = 22


class InconsistentGroupProtocolError(BrokerError):
    """The group's members have no assignor in common, or are of another kind."""

    code = 23


class InvalidGroupIdError(BrokerError):
    """No group may have this name."""

    code = 24
    advice = "give the group a name"


class UnknownMemberIdError(BrokerError):
    """The coordinator does not know the member: its session ran out, or it was removed."""

    code = 25
    advice = "join again"


class InvalidSessionTimeoutError(BrokerError):
    """The broker allows no such session timeout."""

    code = 26
    advice = "choose one between the broker's group.min.session.timeout.ms and group.max.session.timeout.ms"


class RebalanceInProgressError(BrokerError):
    """The group is being rebalanced; its members must join again."""

    code = 27


class InvalidCommitOffsetSizeError(BrokerError):
    """What is to be committed is too large."""

    code = 28


class NonEmptyGroupError(BrokerError):
    """The group has members."""

    code = 68
    advice = "stop its members first"


class GroupIdNotFoundError(BrokerError):
    """There is no such group."""

    code = 69


class MemberIdRequiredError(BrokerError):
    """The member must join again with the id that it was given (KIP-394)."""

    code = 79


class GroupMaxSizeReachedError(BrokerError):
    """The group has as many members as the broker allows."""

    code = 81
    advice = "raise the broker's group.max.size, or start fewer members"


class FencedInstanceIdError(BrokerError):
    """Another consumer runs under the same ``instance_id`` (KIP-345)."""

    code = 82
    advice = "give each consumer an instance_id of its own"


class GroupSubscribedToTopicError(BrokerError):
    """The group reads the topic, so its offsets there cannot be deleted."""

    code = 86
    advice = "stop its members first"


class UnstableOffsetCommitError(BrokerError):
    """A transaction that commits these offsets has not ended."""

    code = 88


class FencedMemberEpochError(BrokerError):
    """The member is behind its group and must give up its partitions (KIP-848)."""

    code = 110


class UnreleasedInstanceIdError(BrokerError):
    """The member that has this ``instance_id`` has not left yet (KIP-848)."""

    code = 111


class UnsupportedAssignorError(BrokerError):
    """The broker has no such assignor (KIP-848)."""

    code = 112


class StaleMemberEpochError(BrokerError):
    """The member has not heard of its newest epoch yet (KIP-848)."""

    code = 113


class InvalidRecordStateError(BrokerError):
    """A share group's record is not in a state to be acknowledged (KIP-932)."""

    code = 121


class ShareSessionNotFoundError(BrokerError):
    """The broker has forgotten the share session (KIP-932)."""

    code = 122


class InvalidShareSessionEpochError(BrokerError):
    """The request is not the next one of its share session (KIP-932)."""

    code = 123


class FencedStateEpochError(BrokerError):
    """The share group's state has a newer epoch (KIP-932)."""

    code = 124


class InvalidRegularExpressionError(BrokerError):
    """The broker cannot read the pattern of topic names (KIP-848)."""

    code = 128


class StreamsInvalidTopologyError(BrokerError):
    """The topology of a streams group cannot work (KIP-1071)."""

    code = 130


class StreamsInvalidTopologyEpochError(BrokerError):
    """The epoch of a streams group's topology is not valid (KIP-1071)."""

    code = 131


class StreamsTopologyFencedError(BrokerError):
    """The streams group has a newer topology (KIP-1071)."""

    code = 132


class ShareSessionLimitReachedError(BrokerError):
    """The broker keeps no more share sessions (KIP-932)."""

    code = 133
