"""InitProducerId, versions 0-5.  v2 flexible; v3 an id the producer has had.  v6 is not Kafka 4.3's to offer yet."""

from typing import Final

from kio.schema.errors import ErrorCode

from gomq.broker.context import Request, Result, State
from gomq_storage.errors import StorageError

_PRODUCER_SINCE: Final = 3
_NONE: Final = -1


async def handle(state: State, request: Request) -> Result:
    """Hand out a producer id; transactions are not supported.

    A producer without transactions that tells the id it has had gets a new one, as in Kafka: only a transactional id
    can tell whether it may keep that.
    """
    body = request.body
    if body.transactional_id is not None:
        return _result(ErrorCode.invalid_request)
    if request.version >= _PRODUCER_SINCE and (body.producer_id == _NONE) != (body.producer_epoch == _NONE):
        return _result(ErrorCode.invalid_request)
    try:
        return _result(ErrorCode.none, producer_id=await state.producer_ids.next_id(), producer_epoch=0)
    except (OSError, StorageError):
        return _result(ErrorCode.kafka_storage_error)


def _result(error_code: ErrorCode, *, producer_id: int = -1, producer_epoch: int = -1) -> Result:
    return {
        "throttle_time": 0,
        "error_code": error_code,
        "producer_id": producer_id,
        "producer_epoch": producer_epoch,
    }
