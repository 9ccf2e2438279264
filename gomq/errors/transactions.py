"""What brokers answer to idempotent and transactional producers."""

from gomq.errors.base import BrokerError


class OutOfOrderSequenceNumberError(BrokerError):
    """A batch before this one is missing."""

    code = 45


class DuplicateSequenceNumberError(BrokerError):
    """The batch was stored before."""

    code = 46


class InvalidProducerEpochError(BrokerError):
    """A newer producer has taken this one's place."""

    code = 47


class InvalidTxnStateError(BrokerError):
    """The transaction is in no state for that."""

    code = 48


class InvalidProducerIdMappingError(BrokerError):
    """The producer id does not belong to the transactional id."""

    code = 49


class InvalidTransactionTimeoutError(BrokerError):
    """The broker allows no such transaction timeout."""

    code = 50


class ConcurrentTransactionsError(BrokerError):
    """The transaction before this one is still being ended."""

    code = 51


class TransactionCoordinatorFencedError(BrokerError):
    """A marker came from a coordinator that is one no more."""

    code = 52


class UnknownProducerIdError(BrokerError):
    """The broker has forgotten the producer, whose messages are all gone."""

    code = 59


class ProducerFencedError(BrokerError):
    """A newer producer has the same transactional id."""

    code = 90


class TransactionalIdNotFoundError(BrokerError):
    """There is no such transactional id."""

    code = 105


class TransactionAbortableError(BrokerError):
    """The transaction must be aborted; the producer can go on afterwards (KIP-890)."""

    code = 120
