"""Apache Kafka's decoders and ours say the same of internal topics, of all records that can be and some that cannot."""

import base64
import random
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from gomq_dump.decoders.choosing import KAFKAS_OPTIONS
from gomq_dump.decoders.cluster_messages import CLUSTER_MESSAGES
from gomq_dump.decoders.group_messages import GROUP_MESSAGES
from gomq_dump.decoders.schema import Message
from gomq_dump.decoders.share_messages import SHARE_GROUP_MESSAGES, SHARE_STATE_MESSAGES
from gomq_dump.decoders.streams_messages import STREAMS_GROUP_MESSAGES
from gomq_dump.decoders.transaction_messages import TRANSACTION_MESSAGES
from gomq_storage.record import NewRecord, encode_batch
from gomq_storage.varint import encode_unsigned
from tests.support.dumping import as_text, inspect
from tests.support.kafka import dump_log_segments, require_kafka
from tests.support.kafka_messages import make_values, write_message
from tests.support.segment_files import write_partition

pytestmark = pytest.mark.timeout(120)

LOG = "00000000000000000000.log"
OPTIONS = {name: option for option, name in KAFKAS_OPTIONS.items()}
COORDINATORS: dict[str, Mapping[str, Message]] = {
    "offsets": GROUP_MESSAGES | SHARE_GROUP_MESSAGES | STREAMS_GROUP_MESSAGES,
    "transactions": TRANSACTION_MESSAGES,
    "share": SHARE_STATE_MESSAGES,
}


def damaged(value: bytes, chance: random.Random) -> Iterator[bytes]:
    """Cut a value short, make it too long, and change bits of it."""
    yield from (value[:end] for end in range(0, len(value), max(1, len(value) // 8)))
    yield value + b"xx"
    for _ in range(8 if value else 0):
        bad = bytearray(value)
        bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
        yield bytes(bad)


def say_as_a_member(values: dict[str, object], chance: random.Random) -> None:
    """Let the members of a group have said something that can be read, most of the time."""
    values["protocolType"] = "consumer"
    for member in values["members"]:  # type: ignore[attr-defined]
        for field in ("subscription", "assignment"):
            message = GROUP_MESSAGES[f"ConsumerProtocol{field.capitalize()}"]
            version = chance.randrange(5)
            said = write_message(message, min(version, 3), make_values(message, min(version, 3), chance))
            member[field] = base64.b64encode(struct.pack(">h", version) + said).decode()


def coordinator_records(messages: Mapping[str, Message], chance: random.Random) -> Iterator[NewRecord]:
    for name, key_message in messages.items():
        if not name.endswith("Key"):
            continue
        message = messages[name.removesuffix("Key") + "Value"]
        head = struct.pack(">h", key_message.kind)
        key = value = b""
        for version in range(message.first_version, message.last_version + 1):
            for _ in range(4):
                values = make_values(message, version, chance)
                if name == "GroupMetadataKey" and chance.random() < 0.7:
                    say_as_a_member(values, chance)
                key = head + write_message(key_message, 0, make_values(key_message, 0, chance))
                value = struct.pack(">h", version) + write_message(message, version, values)
                yield NewRecord(value, key)
            yield from (NewRecord(bad, key) for bad in damaged(value, chance))
        yield from (NewRecord(value, bad) for bad in (key[:-1], key[:1], b""))
        yield NewRecord(None, key)
        yield NewRecord(struct.pack(">h", message.last_version + 1) + value[2:], key)
    yield NewRecord(b"x", struct.pack(">h", 99))


def cluster_records(chance: random.Random) -> Iterator[NewRecord]:
    for message in CLUSTER_MESSAGES.values():
        assert message.kind is not None
        value = b""
        for version in range(message.first_version, message.last_version + 1):
            for _ in range(4):
                head = b"\1" + encode_unsigned(message.kind) + encode_unsigned(version)
                value = head + write_message(message, version, make_values(message, version, chance))
                yield NewRecord(value)
            yield from (NewRecord(bad) for bad in damaged(value, chance))
        yield NewRecord(b"\1" + encode_unsigned(message.kind) + encode_unsigned(message.last_version + 1) + value[3:])
    yield from (NewRecord(b"\1" + encode_unsigned(kind) + b"\0") for kind in (99, 70_000))
    yield from (NewRecord(frame) for frame in (b"\0\1\1", b"\2\1\1"))


@pytest.mark.parametrize("choice", OPTIONS)
def test_all_that_a_topic_may_hold_is_shown_alike(choice: str, tmp_path: Path):
    require_kafka()
    chance = random.Random(choice)
    messages = COORDINATORS.get(choice)
    records = cluster_records(chance) if messages is None else coordinator_records(messages, chance)
    batches = [encode_batch([record], now_ms=1) for record in records]
    log = write_partition(tmp_path / "internal-0", batches) / LOG

    ours = as_text(inspect(log, records=True), decode=choice)

    theirs = dump_log_segments([log], decoder=OPTIONS[choice])
    assert theirs.exit_code == 0, theirs.complaints
    assert ours.splitlines() == theirs.stdout.splitlines()
    assert ours.count(b"\n| ") == len(batches)
