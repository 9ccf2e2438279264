"""What brokers answer to whoever may not, or did not say who it is."""

from gomq.errors.base import BrokerError


class TopicAuthorizationFailedError(BrokerError):
    """This client may not do that with the topic."""

    code = 29
    advice = "ask whoever runs the cluster for the right"


class GroupAuthorizationFailedError(BrokerError):
    """This client may not do that with the group."""

    code = 30
    advice = "ask whoever runs the cluster for the right"


class ClusterAuthorizationFailedError(BrokerError):
    """This client may not do that with the cluster."""

    code = 31
    advice = "ask whoever runs the cluster for the right"


class UnsupportedSaslMechanismError(BrokerError):
    """The broker does not take this SASL mechanism."""

    code = 33
    advice = "choose one of those that the broker has enabled"


class IllegalSaslStateError(BrokerError):
    """The request is out of turn while the client authenticates."""

    code = 34


class TransactionalIdAuthorizationFailedError(BrokerError):
    """This client may not use the transactional id."""

    code = 53
    advice = "ask whoever runs the cluster for the right"


class SecurityDisabledError(BrokerError):
    """The cluster has no authorizer."""

    code = 54


class SaslAuthenticationFailedError(BrokerError):
    """The broker does not accept the credentials."""

    code = 58
    advice = "check the user name and the password"


class DelegationTokenAuthDisabledError(BrokerError):
    """The cluster has no delegation tokens."""

    code = 61


class DelegationTokenNotFoundError(BrokerError):
    """There is no such delegation token."""

    code = 62


class DelegationTokenOwnerMismatchError(BrokerError):
    """The delegation token belongs to somebody else."""

    code = 63


class DelegationTokenRequestNotAllowedError(BrokerError):
    """Delegation tokens are not given out on such a connection."""

    code = 64


class DelegationTokenAuthorizationFailedError(BrokerError):
    """This client may not do that with the delegation token."""

    code = 65


class DelegationTokenExpiredError(BrokerError):
    """The delegation token has expired."""

    code = 66


class InvalidPrincipalTypeError(BrokerError):
    """The broker knows no such kind of principal."""

    code = 67


class UnacceptableCredentialError(BrokerError):
    """The credential is too weak, or not one at all."""

    code = 93


class PrincipalDeserializationFailureError(BrokerError):
    """A broker could not read who a forwarded request comes from."""

    code = 97
