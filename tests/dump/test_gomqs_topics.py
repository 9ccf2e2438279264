"""The decoders read what our own broker writes: its metadata, and its groups' records."""

import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType

from gomq.broker.groups.records import (
    GroupMetadataKey,
    GroupMetadataValue,
    MemberMetadata,
    OffsetCommitKey,
    OffsetCommitValue,
    encode_group_metadata,
    encode_key,
    encode_offset_commit,
)
from gomq.broker.metadata_log import TOPIC_NAME, MetadataLog
from gomq_dump.decoders.coordinator import offsets_decoder
from gomq_storage.config import LogConfig
from gomq_storage.log import Log
from gomq_storage.record import Record
from tests.support.brokers import broker_in_thread
from tests.support.dumping import as_json, findings_in, inspect

COMMIT = OffsetCommitValue(offset=7, leader_epoch=2, metadata="žluť", commit_timestamp=5, expire_timestamp=6)
MEMBER = MemberMetadata(
    member_id="m", client_id="c", client_host="/127.0.0.1", session_timeout_ms=9, subscription=b"\xff", assignment=b""
)
GROUP = GroupMetadataValue(protocol_type="connect", generation=3, protocol="p", leader="m", members=(MEMBER,))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a broker has on disk on which topics were made and changed, and offsets committed."""
    directory = tmp_path_factory.mktemp("gomq")
    with broker_in_thread(directory) as broker:
        address = {"bootstrap.servers": broker.address}
        admin = AdminClient(address)
        for made in admin.create_topics([NewTopic("kept", 2, 1), NewTopic("gone", 1, 1)]).values():
            made.result(10)
        entry = ConfigEntry("retention.ms", "1000", incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, "kept", incremental_configs=[entry])
        admin.incremental_alter_configs([resource])[resource].result(10)
        admin.delete_topics(["gone"])["gone"].result(10)
        producer = Producer(address | {"enable.idempotence": True})
        producer.produce("kept", b"x", partition=0)
        assert producer.flush(10) == 0
        consumer = Consumer(address | {"group.id": "readers", "auto.offset.reset": "earliest"})
        consumer.subscribe(["kept"])
        assert len(consumer.consume(1, 10)) == 1
        consumer.commit(asynchronous=False)
        consumer.close()
    return directory


def decoded_in(data: Path, topic: str) -> list[dict[str, Any]]:
    directories = sorted(data.glob(f"{topic}-*"))
    objects = [each for directory in directories for each in as_json(inspect(directory, records=True))]
    return [each["decoded"] for each in objects if "decoded" in each]


def test_the_metadata_is_what_the_broker_itself_reads(data: Path):
    partition = data / f"{TOPIC_NAME}-0"
    values: dict[str, Any] = {}
    for each in decoded_in(data, TOPIC_NAME):
        key = "/".join([each["kind"], *each["key"].values()])
        values[key] = each["value"]
    kept = {key: value for key, value in values.items() if value is not None}

    log = Log.open(partition, LogConfig())
    remembered = MetadataLog(log, on_failure=lambda _: None).values
    log.close()

    assert kept == remembered
    assert {"topic/kept", "producer-ids", "leader-epoch"} <= set(kept)
    assert values["topic/gone"] is None


def test_the_groups_records_are_understood(data: Path):
    decoded = decoded_in(data, "__consumer_offsets")

    commits = [each for each in decoded if each["kind"] == "OffsetCommit" and each["value"] is not None]
    groups = [each for each in decoded if each["kind"] == "GroupMetadata" and each["value"]["members"]]
    assert {"group": "readers", "topic": "kept", "partition": 0} in [each["key"] for each in commits]
    assert groups[0]["value"]["members"][0]["subscription"]["topics"] == ["kept"]


def test_all_that_a_broker_keeps_is_sound(data: Path):
    assert [finding for finding in findings_in(inspect(data, records=True)) if finding.is_damage] == []


@pytest.mark.parametrize("version", range(5))
def test_a_commit_of_each_version_is_read_as_the_broker_wrote_it(version: int):
    key = encode_key(OffsetCommitKey(group="g", topic="t", partition=4))
    commit = replace(COMMIT, topic_id=uuid.UUID(int=1) if version == 4 else None)

    fields = offsets_decoder().fields(Record(0, 0, key, encode_offset_commit(commit, version=version), ()))

    value = {"offset": 7, "metadata": "žluť", "commitTimestamp": 5}
    value |= {"leaderEpoch": 2} if version >= 3 else {}
    value |= {"expireTimestamp": 6} if version == 1 else {}
    value |= {"topicId": "AAAAAAAAAAAAAAAAAAAAAQ"} if version == 4 else {}
    assert fields == {
        "kind": "OffsetCommit",
        "key": {"group": "g", "topic": "t", "partition": 4},
        "version": version,
        "value": value,
    }


@pytest.mark.parametrize("version", range(5))
def test_a_group_of_each_version_is_read_as_the_broker_wrote_it(version: int):
    value = encode_group_metadata(GROUP, version=version)

    fields = offsets_decoder().fields(Record(0, 0, encode_key(GroupMetadataKey(group="g")), value, ()))

    assert (fields["kind"], fields["key"], fields["version"]) == ("GroupMetadata", {"group": "g"}, version)
    (member,) = fields["value"]["members"]
    assert (fields["value"]["generation"], member["sessionTimeout"], member["subscription"]) == (3, 9, "/w==")
