"""Topics for one measurement: made before it, deleted after it, so that the next one finds the disk and memory free."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks.processes import BrokerProcess
from benchmarks.results import MeasurementError

_TIMEOUT_S: Final = 10.0
_numbers = itertools.count(1)


@contextmanager
def temporary_topic(broker: BrokerProcess, *, partitions: int = 1) -> Iterator[str]:
    """Create a topic and delete it at the end; the block gets its name.

    Raises:
        MeasurementError: the broker did not create it, or ended within the block, which then is what went wrong there.
    """
    name = f"bench-{next(_numbers)}"
    broker.check()
    admin = AdminClient({"bootstrap.servers": broker.address, "log_level": 2})
    try:
        admin.create_topics([NewTopic(name, partitions, 1)])[name].result(_TIMEOUT_S)
    except KafkaException as error:
        raise MeasurementError(f"cannot create topic {name}: {error}") from error
    except TimeoutError as error:
        raise MeasurementError(f"cannot create topic {name}: no answer in {_TIMEOUT_S:g} s") from error
    try:
        yield name
    except MeasurementError:
        broker.check()
        raise
    finally:
        with suppress(KafkaException, TimeoutError):
            admin.delete_topics([name])[name].result(_TIMEOUT_S)
