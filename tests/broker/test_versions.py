"""Every version of every API that is served is answered, and the answer can be read; what is not served is refused."""

import struct

import pytest

import gomq
from gomq.protocol.api import SERVED, UNLISTED, Api
from tests.support.corpus import sample_request
from tests.support.wire import Wire, connect, framed, request_head, versions


@pytest.mark.parametrize("api", list(SERVED))
async def test_every_version_served_is_answered(wire: Wire, api: Api):
    for version in versions(api):
        await wire.send_bytes(sample_request(api, version, correlation_id=version))
        answer = await wire.receive(api, version, version)
        assert answer.__version__ == version
    await wire.ask(Api.API_VERSIONS, 0)


@pytest.mark.parametrize("api", [api for api in SERVED if api is not Api.API_VERSIONS])
async def test_a_version_that_is_not_served_closes_the_connection(broker: gomq.Broker, api: Api):
    oldest, newest = SERVED[api]
    for version in {oldest - 1, newest + 1, 32767, -32768}:
        async with connect(broker.address) as wire:
            await wire.send_bytes(framed(request_head(api, version) + bytes(40)))
            assert await wire.is_closed()


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        (0, "PRODUCE version 0 of the client is not served, 3 to 13 are: it is older than Kafka 2.1's"),
        (99, "PRODUCE version 99 of the client is not served, 3 to 13 are: it has not asked which are"),
    ],
)
async def test_the_log_says_why_a_version_is_not_served(
    broker: gomq.Broker, caplog: pytest.LogCaptureFixture, version: int, reason: str
):
    async with connect(broker.address) as wire:
        await wire.send_bytes(framed(request_head(Api.PRODUCE, version) + bytes(40)))
        assert await wire.is_closed()

    assert [record.__dict__.get("reason") for record in caplog.records if record.msg == "connection.closed"] == [reason]


@pytest.mark.parametrize("api", [-1, 4, 5, 1000, 32767])
async def test_an_api_that_is_not_served_closes_the_connection(wire: Wire, api: int):
    await wire.send_bytes(framed(request_head(api, 0) + bytes(40)))
    assert await wire.is_closed()


@pytest.mark.parametrize("version", [5, 99, 32767, -1])
async def test_an_unknown_version_of_api_versions_is_answered_in_version_0(wire: Wire, version: int):
    await wire.send_bytes(framed(struct.pack(">hhih", Api.API_VERSIONS, version, 9, -1) + b"whatever"))
    answer = await wire.receive(Api.API_VERSIONS, 0, 9)
    assert answer.error_code == 35
    assert [(entry.api_key, entry.min_version, entry.max_version) for entry in answer.api_keys] == [(18, 0, 4)]
    assert (await wire.ask(Api.API_VERSIONS)).error_code == 0


@pytest.mark.parametrize("version", range(5))
async def test_api_versions_lists_what_is_served(wire: Wire, version: int):
    answer = await wire.ask(
        Api.API_VERSIONS, version, client_software_name="apache-kafka-java", client_software_version="4.1.0"
    )
    listed = {entry.api_key: (entry.min_version, entry.max_version) for entry in answer.api_keys}
    produce = (0, SERVED[Api.PRODUCE].newest)  # librdkafka before 2.11 looks for version 0
    served = {int(api): tuple(versions) for api, versions in SERVED.items() if api not in UNLISTED}
    assert listed == served | {0: produce}


@pytest.mark.parametrize(
    ("name", "version"),
    [("", "1"), ("-x", "1"), ("x.", "1"), ("a b", "1"), ("é", "1"), ("a\n", "1"), ("x" * 256, "1"), ("wire", "")],
)
async def test_a_client_software_name_that_cannot_be_is_an_invalid_request(wire: Wire, name: str, version: str):
    answer = await wire.ask(Api.API_VERSIONS, 3, client_software_name=name, client_software_version=version)
    assert answer.error_code == 42


@pytest.mark.parametrize("version", range(7))
async def test_the_broker_coordinates_every_group(broker: gomq.Broker, wire: Wire, version: int):
    keys = ("a", "b") if version >= 4 else ("a",)
    answer = await wire.ask(Api.FIND_COORDINATOR, version, key="a", key_type=0, coordinator_keys=keys)
    found = answer.coordinators if version >= 4 else (answer,)
    assert [(entry.error_code, entry.node_id, f"{entry.host}:{entry.port}") for entry in found] == [
        (0, 1, broker.address) for _ in keys
    ]


@pytest.mark.parametrize("version", [1, 3, 4, 6])
async def test_nobody_coordinates_transactions(wire: Wire, version: int):
    answer = await wire.ask(Api.FIND_COORDINATOR, version, key="a", key_type=1, coordinator_keys=("a",))
    (found,) = answer.coordinators if version >= 4 else (answer,)
    assert (found.error_code, found.node_id) == (42, -1)


async def test_no_groups_asked_for_are_no_coordinators(wire: Wire):
    assert (await wire.ask(Api.FIND_COORDINATOR, 4, key_type=0, coordinator_keys=())).coordinators == ()
