"""Records of ``__transaction_state`` (KIP-98, KIP-890).

Kafka: ``org.apache.kafka.coordinator.transaction.generated``.
"""

from typing import Final

from gomq_dump.decoders.schema import read_messages

TRANSACTION_MESSAGES: Final = read_messages("""\
TransactionLogKey 0 versions 0
    transactionalId string
TransactionLogValue 0 versions 0-1 flexible 1+
    producerId int64
    previousProducerId int64 1+ tag 0 = -1
    nextProducerId int64 1+ tag 1 = -1
    producerEpoch int16
    nextProducerEpoch int16 1+ tag 3 = -1
    transactionTimeoutMs int32
    transactionStatus int8
    transactionPartitions []?
        topic string
        partitionIds []int32
    transactionLastUpdateTimestampMs int64
    transactionStartTimestampMs int64
    clientTransactionVersion int16 1+ tag 2
""")
