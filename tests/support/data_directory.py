"""A small data directory with everything in it that is verified, written by gomq_storage as a broker would."""

import uuid
from pathlib import Path

from gomq_storage.config import LogConfig
from gomq_storage.directory import LogDirectory
from gomq_storage.layout import TXN_INDEX_SUFFIX, TopicPartition, segment_file_name
from gomq_storage.log import Log
from gomq_storage.txn_scan import TransactionScan
from tests.support.log_batches import NOW, numbered, produced
from tests.support.transactional import ABORT, COMMIT, marker, part_of

TOPIC_ID = uuid.UUID(int=0x0F0E0D0C0B0A09080706050403020100)
CONFIG = LogConfig(segment_bytes=700, index_interval_bytes=150)


def write_data_directory(path: Path) -> Path:
    """Make a data directory of two topics: ``orders`` with two partitions, ``moves`` with transactions."""
    directory = LogDirectory.open(path)
    logs: dict[TopicPartition, Log] = {}
    for topic, count in (("orders", 2), ("moves", 1)):
        for number in range(count):
            partition = TopicPartition(topic, number)
            topic_id = uuid.uuid5(TOPIC_ID, topic)
            logs[partition] = directory.create_log(partition, topic_id=topic_id, config=CONFIG)
    _write_orders(logs[TopicPartition("orders", 0)])
    logs[TopicPartition("orders", 1)].append(numbered(0))
    _write_moves(logs[TopicPartition("moves", 0)])
    ends = {partition: log.close() for partition, log in logs.items()}
    directory.close({partition: end for partition, end in ends.items() if end is not None})
    return path


def _write_orders(log: Log) -> None:
    """Write what two producers send in turn, in two leader epochs."""
    for number in range(12):
        records = [(NOW + 10 * number + each, b"%d/%d" % (number, each)) for each in range(2)]
        batch = produced(records, producer_id=number % 2, sequence=number // 2 * 2)
        log.append(batch, leader_epoch=number // 7)


def _write_moves(log: Log) -> None:
    """Write transactions, every other one of which is aborted, and the indexes of those."""
    for number in range(6):
        log.append(part_of(7, b"a", b"b", sequence=2 * number), leader_epoch=0)
        log.append(part_of(8, b"c", sequence=number), leader_epoch=0)
        log.append(marker(7, ABORT if number % 2 else COMMIT), leader_epoch=0)
        log.append(marker(8, ABORT), leader_epoch=0)
    opened: dict[int, int] = {}
    for segment in log.segments:
        scan = TransactionScan(segment, opened)
        scan.advance()
        opened = scan.open
        path = log.directory / segment_file_name(segment.base_offset, TXN_INDEX_SUFFIX)
        path.write_bytes(bytes(scan.entries))
