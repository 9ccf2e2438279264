"""What a real Apache Kafka 4.3.1 once answered to one request of every API and version: ours is the same.

Our decoder reads it all, and our broker answers the same requests with the same fields, but for those that no two
brokers have in common and those that are named here. They are asked again, where Java and Kafka's jars are, with:
python -m tests.protocol.test_golden_answers
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

import gomq
from gomq.protocol.api import Api
from gomq.protocol.entities import encode
from gomq.protocol.responses import decode_response, encode_header, read_correlation_id
from tests.support.exchange import Answer, exchange, exchanged
from tests.support.instances import plain
from tests.support.kafka import run_kafka

GOLDEN = Path(__file__).with_name("golden_answers.txt")
CORRELATION_ID = 7
SIZE_BYTES = 4
OF_EACH_BROKER = {
    *("cluster_id", "topic_id", "producer_id", "member_id", "leader"),
    *("port", "log_dir", "total_bytes", "usable_bytes"),
}
"""Ids, addresses and places; ``leader`` is the member id of a group's leader."""
DIFFERENT = {
    "error_message": "the words are ours; where Kafka has none, an empty one or NONE, we have none",
    "documentation": "the words are ours",
    "synonyms": "of segment.ms: Kafka leaves out the default, which it has in hours",
}
CASES = list(exchanged())


def written_down() -> dict[tuple[Api, int], bytes]:
    """Read the answer to each API and version."""
    lines = (line.split() for line in GOLDEN.read_text().splitlines())
    return {(Api(int(api)), int(version)): bytes.fromhex(frame) for api, version, frame in lines}


def comparable(value: Any) -> Any:
    """Leave out what may differ, and the order of arrays."""
    if isinstance(value, dict):
        left_out = OF_EACH_BROKER | DIFFERENT.keys()
        return {name: comparable(inner) for name, inner in value.items() if name not in left_out}
    if isinstance(value, list):
        return sorted(map(comparable, value), key=repr)
    return value


def fields_of(api: Api, version: int, frame: bytes) -> Any:
    return comparable(plain(decode_response(memoryview(frame).toreadonly(), api, version)))


def versions_in(frame: bytes) -> set[tuple[int, int]]:
    """Which APIs and versions an ApiVersions answer lists."""
    answer = decode_response(memoryview(frame).toreadonly(), Api.API_VERSIONS, 4)
    return {
        (entry.api_key, version)
        for entry in answer.api_keys
        for version in range(entry.min_version, entry.max_version + 1)
    }


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[Api, int], bytes]:
    """What our broker answers."""

    async def ask() -> list[Answer]:
        async with gomq.Broker(data=tmp_path_factory.mktemp("golden") / "data", listen="127.0.0.1:0") as broker:
            return await exchange(broker.address)

    return {(api, version): frame for api, version, frame in anyio.run(ask)}


def test_every_version_that_is_served_is_written_down():
    assert written_down().keys() == set(CASES)


@pytest.mark.parametrize(("api", "version"), CASES, ids=str)
def test_kafkas_answer_is_decoded_and_encoded_to_the_same_bytes(api: Api, version: int):
    frame = written_down()[api, version]

    body = encode(decode_response(memoryview(frame).toreadonly(), api, version))

    assert read_correlation_id(memoryview(frame)) == CORRELATION_ID
    assert (encode_header(api, version, CORRELATION_ID, len(body)) + body)[SIZE_BYTES:] == frame


@pytest.mark.parametrize(("api", "version"), [case for case in CASES if case[0] is not Api.API_VERSIONS], ids=str)
def test_our_broker_answers_as_kafka_does(ours: dict[tuple[Api, int], bytes], api: Api, version: int):
    assert fields_of(api, version, ours[api, version]) == fields_of(api, version, written_down()[api, version])


def test_our_broker_offers_only_what_kafka_does(ours: dict[tuple[Api, int], bytes]):
    offered, known = (versions_in(answers[Api.API_VERSIONS, 4]) for answers in (ours, written_down()))

    assert offered <= known


def lines() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="kafka-") as directory, run_kafka(Path(directory)) as kafka:
        for api, version, frame in anyio.run(exchange, kafka.address):
            yield f"{api:d} {version} {frame.hex()}\n"


if __name__ == "__main__":
    GOLDEN.write_text("".join(lines()))
