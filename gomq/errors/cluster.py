"""What brokers answer about themselves, their configs and their cluster."""

from gomq.errors.base import BrokerError


class UnknownServerError(BrokerError):
    """The broker met a fault of its own; its log says which."""

    code = -1
    advice = "look into the broker's log"


class BrokerNotAvailableError(BrokerError):
    """The broker is not available."""

    code = 8


class StaleControllerEpochError(BrokerError):
    """Another broker is the controller now."""

    code = 11


class NetworkError(BrokerError):
    """A broker lost its connection to another; Kafka's ``NETWORK_EXCEPTION``."""

    code = 13


class UnsupportedVersionError(BrokerError):
    """The broker and this client have no version of a request in common."""

    code = 35


class InvalidConfigError(BrokerError):
    """A config has no such name, or not such a value."""

    code = 40


class NotControllerError(BrokerError):
    """Another broker is the controller."""

    code = 41


class InvalidRequestError(BrokerError):
    """The broker cannot make sense of the request."""

    code = 42


class OperationNotAttemptedError(BrokerError):
    """Another part of the request failed, so this one was not tried."""

    code = 55


class ListenerNotFoundError(BrokerError):
    """The leader has no listener of the kind that the client uses."""

    code = 72


class StaleBrokerEpochError(BrokerError):
    """The broker has registered anew since."""

    code = 77


class PreferredLeaderNotAvailableError(BrokerError):
    """The preferred leader is not available."""

    code = 80


class EligibleLeadersNotAvailableError(BrokerError):
    """No replica may become the leader."""

    code = 83


class ElectionNotNeededError(BrokerError):
    """The right leader leads already."""

    code = 84


class ThrottlingQuotaExceededError(BrokerError):
    """The client asks for more than its quota; it may later (KIP-599)."""

    code = 89


class ResourceNotFoundError(BrokerError):
    """What the request speaks of does not exist."""

    code = 91


class DuplicateResourceError(BrokerError):
    """The request speaks of the same thing twice."""

    code = 92


class InconsistentVoterSetError(BrokerError):
    """A voter-only request came from or went to no voter."""

    code = 94


class InvalidUpdateVersionError(BrokerError):
    """A feature cannot have this version (KIP-584)."""

    code = 95


class FeatureUpdateFailedError(BrokerError):
    """The cluster could not change its features (KIP-584)."""

    code = 96


class SnapshotNotFoundError(BrokerError):
    """There is no such snapshot of the cluster's metadata."""

    code = 98


class PositionOutOfRangeError(BrokerError):
    """The position lies outside of the snapshot."""

    code = 99


class DuplicateBrokerRegistrationError(BrokerError):
    """Another broker has this node id."""

    code = 101


class BrokerIdNotRegisteredError(BrokerError):
    """No broker has this node id."""

    code = 102


class InconsistentClusterIdError(BrokerError):
    """The request is for another cluster."""

    code = 104


class IneligibleReplicaError(BrokerError):
    """A replica that was to be in sync may not be."""

    code = 107


class NewLeaderElectedError(BrokerError):
    """The change was made, and another broker leads now."""

    code = 108


class MismatchedEndpointTypeError(BrokerError):
    """The request was for controllers and reached a broker, or the reverse (KIP-919)."""

    code = 114


class UnsupportedEndpointTypeError(BrokerError):
    """The broker knows no such kind of endpoint (KIP-919)."""

    code = 115


class UnknownControllerIdError(BrokerError):
    """No controller has this id."""

    code = 116


class UnknownSubscriptionIdError(BrokerError):
    """The client's metrics belong to no subscription (KIP-714)."""

    code = 117


class TelemetryTooLargeError(BrokerError):
    """The client sent more metrics at once than the broker takes (KIP-714)."""

    code = 118


class InvalidRegistrationError(BrokerError):
    """The controller refuses the broker's registration."""

    code = 119


class InvalidVoterKeyError(BrokerError):
    """The voter's key is not the replica's (KIP-853)."""

    code = 125


class DuplicateVoterError(BrokerError):
    """The voter is one already (KIP-853)."""

    code = 126


class VoterNotFoundError(BrokerError):
    """There is no such voter (KIP-853)."""

    code = 127


class RebootstrapRequiredError(BrokerError):
    """The client must begin with its bootstrap addresses again (KIP-1102)."""

    code = 129
