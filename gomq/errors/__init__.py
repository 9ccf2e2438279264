"""Every error GoMQ raises on purpose: one tree, each kind with the data a caller needs.

A broker answers with a number; ``error_for`` makes the class that bears its name in Kafka.
"""

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from gomq.errors.base import (
    BrokerError,
    BrokerStartError,
    ClosedError,
    ConfigurationError,
    ConnectionFailedError,
    DeliveryFailedError,
    GomqError,
    LogTruncatedError,
    MessageNotHandledError,
    ProtocolError,
    RequestTimeoutError,
    Undelivered,
)
from gomq.errors.records import (
    BrokerTimeoutError,
    CorruptMessageError,
    FencedLeaderEpochError,
    FetchSessionIdNotFoundError,
    FetchSessionTopicIdError,
    InconsistentTopicIdError,
    InvalidFetchSessionEpochError,
    InvalidFetchSizeError,
    InvalidPartitionsError,
    InvalidRecordError,
    InvalidReplicaAssignmentError,
    InvalidReplicationFactorError,
    InvalidRequiredAcksError,
    InvalidTimestampError,
    InvalidTopicError,
    KafkaStorageError,
    LeaderNotAvailableError,
    LogDirNotFoundError,
    MessageTooLargeError,
    NoReassignmentInProgressError,
    NotEnoughReplicasAfterAppendError,
    NotEnoughReplicasError,
    NotLeaderError,
    NotLeaderOrFollowerError,
    OffsetMovedToTieredStorageError,
    OffsetNotAvailableError,
    OffsetOutOfRangeError,
    PolicyViolationError,
    ReassignmentInProgressError,
    RecordListTooLargeError,
    ReplicaNotAvailableError,
    RequestTimedOutError,
    StorageFailedError,
    TopicAlreadyExistsError,
    TopicDeletionDisabledError,
    UnknownLeaderEpochError,
    UnknownTopicError,
    UnknownTopicIdError,
    UnknownTopicOrPartitionError,
    UnsupportedCompressionTypeError,
    UnsupportedForMessageFormatError,
)

if TYPE_CHECKING:
    from gomq.errors.cluster import (
        BrokerIdNotRegisteredError,
        BrokerNotAvailableError,
        DuplicateBrokerRegistrationError,
        DuplicateResourceError,
        DuplicateVoterError,
        ElectionNotNeededError,
        EligibleLeadersNotAvailableError,
        FeatureUpdateFailedError,
        InconsistentClusterIdError,
        InconsistentVoterSetError,
        IneligibleReplicaError,
        InvalidConfigError,
        InvalidRegistrationError,
        InvalidRequestError,
        InvalidUpdateVersionError,
        InvalidVoterKeyError,
        ListenerNotFoundError,
        MismatchedEndpointTypeError,
        NetworkError,
        NewLeaderElectedError,
        NotControllerError,
        OperationNotAttemptedError,
        PositionOutOfRangeError,
        PreferredLeaderNotAvailableError,
        RebootstrapRequiredError,
        ResourceNotFoundError,
        SnapshotNotFoundError,
        StaleBrokerEpochError,
        StaleControllerEpochError,
        TelemetryTooLargeError,
        ThrottlingQuotaExceededError,
        UnknownControllerIdError,
        UnknownServerError,
        UnknownSubscriptionIdError,
        UnsupportedEndpointTypeError,
        UnsupportedVersionError,
        VoterNotFoundError,
    )
    from gomq.errors.groups import (
        CoordinatorLoadInProgressError,
        CoordinatorNotAvailableError,
        FencedInstanceIdError,
        FencedMemberEpochError,
        FencedStateEpochError,
        GroupIdNotFoundError,
        GroupMaxSizeReachedError,
        GroupSubscribedToTopicError,
        IllegalGenerationError,
        InconsistentGroupProtocolError,
        InvalidCommitOffsetSizeError,
        InvalidGroupIdError,
        InvalidRecordStateError,
        InvalidRegularExpressionError,
        InvalidSessionTimeoutError,
        InvalidShareSessionEpochError,
        MemberIdRequiredError,
        NonEmptyGroupError,
        NotCoordinatorError,
        OffsetMetadataTooLargeError,
        RebalanceInProgressError,
        ShareSessionLimitReachedError,
        ShareSessionNotFoundError,
        StaleMemberEpochError,
        StreamsInvalidTopologyEpochError,
        StreamsInvalidTopologyError,
        StreamsTopologyFencedError,
        UnknownMemberIdError,
        UnreleasedInstanceIdError,
        UnstableOffsetCommitError,
        UnsupportedAssignorError,
    )
    from gomq.errors.security import (
        ClusterAuthorizationFailedError,
        DelegationTokenAuthDisabledError,
        DelegationTokenAuthorizationFailedError,
        DelegationTokenExpiredError,
        DelegationTokenNotFoundError,
        DelegationTokenOwnerMismatchError,
        DelegationTokenRequestNotAllowedError,
        GroupAuthorizationFailedError,
        IllegalSaslStateError,
        InvalidPrincipalTypeError,
        PrincipalDeserializationFailureError,
        SaslAuthenticationFailedError,
        SecurityDisabledError,
        TopicAuthorizationFailedError,
        TransactionalIdAuthorizationFailedError,
        UnacceptableCredentialError,
        UnsupportedSaslMechanismError,
    )
    from gomq.errors.transactions import (
        ConcurrentTransactionsError,
        DuplicateSequenceNumberError,
        InvalidProducerEpochError,
        InvalidProducerIdMappingError,
        InvalidTransactionTimeoutError,
        InvalidTxnStateError,
        OutOfOrderSequenceNumberError,
        ProducerFencedError,
        TransactionAbortableError,
        TransactionalIdNotFoundError,
        TransactionCoordinatorFencedError,
        UnknownProducerIdError,
    )

__all__ = (
    "BrokerError", "BrokerIdNotRegisteredError", "BrokerNotAvailableError", "BrokerStartError",
    "BrokerTimeoutError", "ClosedError", "ClusterAuthorizationFailedError", "ConcurrentTransactionsError",
    "ConfigurationError", "ConnectionFailedError", "CoordinatorLoadInProgressError",
    "CoordinatorNotAvailableError", "CorruptMessageError", "DelegationTokenAuthDisabledError",
    "DelegationTokenAuthorizationFailedError", "DelegationTokenExpiredError", "DelegationTokenNotFoundError",
    "DelegationTokenOwnerMismatchError", "DelegationTokenRequestNotAllowedError", "DeliveryFailedError",
    "DuplicateBrokerRegistrationError", "DuplicateResourceError", "DuplicateSequenceNumberError",
    "DuplicateVoterError", "ElectionNotNeededError", "EligibleLeadersNotAvailableError",
    "FeatureUpdateFailedError", "FencedInstanceIdError", "FencedLeaderEpochError", "FencedMemberEpochError",
    "FencedStateEpochError", "FetchSessionIdNotFoundError", "FetchSessionTopicIdError", "GomqError",
    "GroupAuthorizationFailedError", "GroupIdNotFoundError", "GroupMaxSizeReachedError",
    "GroupSubscribedToTopicError", "IllegalGenerationError", "IllegalSaslStateError", "InconsistentClusterIdError",
    "InconsistentGroupProtocolError", "InconsistentTopicIdError", "InconsistentVoterSetError",
    "IneligibleReplicaError", "InvalidCommitOffsetSizeError", "InvalidConfigError",
    "InvalidFetchSessionEpochError", "InvalidFetchSizeError", "InvalidGroupIdError", "InvalidPartitionsError",
    "InvalidPrincipalTypeError", "InvalidProducerEpochError", "InvalidProducerIdMappingError",
    "InvalidRecordError", "InvalidRecordStateError", "InvalidRegistrationError", "InvalidRegularExpressionError",
    "InvalidReplicaAssignmentError", "InvalidReplicationFactorError", "InvalidRequestError",
    "InvalidRequiredAcksError", "InvalidSessionTimeoutError", "InvalidShareSessionEpochError",
    "InvalidTimestampError", "InvalidTopicError", "InvalidTransactionTimeoutError", "InvalidTxnStateError",
    "InvalidUpdateVersionError", "InvalidVoterKeyError", "KafkaStorageError", "LeaderNotAvailableError",
    "ListenerNotFoundError", "LogDirNotFoundError", "LogTruncatedError", "MemberIdRequiredError",
    "MessageNotHandledError", "MessageTooLargeError", "MismatchedEndpointTypeError", "NetworkError",
    "NewLeaderElectedError", "NoReassignmentInProgressError", "NonEmptyGroupError", "NotControllerError",
    "NotCoordinatorError", "NotEnoughReplicasAfterAppendError", "NotEnoughReplicasError", "NotLeaderError",
    "NotLeaderOrFollowerError", "OffsetMetadataTooLargeError", "OffsetMovedToTieredStorageError",
    "OffsetNotAvailableError", "OffsetOutOfRangeError", "OperationNotAttemptedError",
    "OutOfOrderSequenceNumberError", "PolicyViolationError", "PositionOutOfRangeError",
    "PreferredLeaderNotAvailableError", "PrincipalDeserializationFailureError", "ProducerFencedError",
    "ProtocolError", "ReassignmentInProgressError", "RebalanceInProgressError", "RebootstrapRequiredError",
    "RecordListTooLargeError", "ReplicaNotAvailableError", "RequestTimedOutError", "RequestTimeoutError",
    "ResourceNotFoundError", "SaslAuthenticationFailedError", "SecurityDisabledError",
    "ShareSessionLimitReachedError", "ShareSessionNotFoundError", "SnapshotNotFoundError", "StaleBrokerEpochError",
    "StaleControllerEpochError", "StaleMemberEpochError", "StorageFailedError", "StreamsInvalidTopologyEpochError",
    "StreamsInvalidTopologyError", "StreamsTopologyFencedError", "TelemetryTooLargeError",
    "ThrottlingQuotaExceededError", "TopicAlreadyExistsError", "TopicAuthorizationFailedError",
    "TopicDeletionDisabledError", "TransactionAbortableError", "TransactionCoordinatorFencedError",
    "TransactionalIdAuthorizationFailedError", "TransactionalIdNotFoundError", "UnacceptableCredentialError",
    "Undelivered", "UnknownControllerIdError", "UnknownLeaderEpochError", "UnknownMemberIdError",
    "UnknownProducerIdError", "UnknownServerError", "UnknownSubscriptionIdError", "UnknownTopicError",
    "UnknownTopicIdError", "UnknownTopicOrPartitionError", "UnreleasedInstanceIdError",
    "UnstableOffsetCommitError", "UnsupportedAssignorError", "UnsupportedCompressionTypeError",
    "UnsupportedEndpointTypeError", "UnsupportedForMessageFormatError", "UnsupportedSaslMechanismError",
    "UnsupportedVersionError", "VoterNotFoundError", "error_for",
)  # fmt: skip

_RARE: Final = ("groups", "transactions", "security", "cluster")
"""Modules that are imported when one of their names is asked for (PEP 562), so that no start waits for them."""


if not TYPE_CHECKING:  # or a misspelt name would pass for any class

    def __getattr__(name: str) -> Any:  # noqa: ANN401 - a class
        if name in __all__:
            for module in _RARE:
                found = vars(import_module(f"{__name__}.{module}")).get(name)
                if found is not None:
                    globals()[name] = found
                    return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return list(__all__)


@cache
def _by_code() -> dict[int, type[BrokerError]]:
    for module in _RARE:
        import_module(f"{__name__}.{module}")
    return {kind.code: kind for kind in BrokerError.__subclasses__() if kind.__module__.startswith(__name__)}


def error_for(code: int, message: str) -> BrokerError:
    """Make the error that bears a Kafka error code's name, and say what to do where that is known.

    Args:
        code: what the broker answered; one that has no class here makes a plain ``BrokerError``.
        message: which topic, partition, group or broker it is about.
    """
    kind = _by_code().get(code)
    if kind is None:
        return BrokerError(f"{message} (Kafka error code {code})", code=code)
    return kind(f"{message}; {kind.advice}" if kind.advice else message)
