"""`gomq cluster info`: brokers, what they hold, and what they speak."""

import json

import pytest

from gomq.cli.cluster import size_text
from gomq.errors import ConnectionFailedError
from gomq.protocol.api import SERVED, SPOKEN, UNLISTED, Api
from tests.cli.conftest import RunGomq


def test_a_cluster_is_described_for_people(run_gomq: RunGomq, address: str, topic: str):
    run_gomq("topic", "create", topic)

    lines = run_gomq("cluster", "info").out.decode().splitlines()

    assert lines[0].startswith("cluster: ")
    assert ", topics: " in lines[0]
    assert lines[2].split() == ["ID", "ADDRESS", "RACK", "CONTROLLER", "LISTENERS"]
    assert lines[3].split()[:4] == ["1", address, "-", "yes"]
    assert lines[5].split() == ["ID", "DIRECTORY", "PARTITIONS", "SIZE", "DISK-FREE", "DISK-TOTAL", "ERROR"]
    assert len(lines) == 7


def test_json_has_the_same_and_counts(run_gomq: RunGomq, address: str, topic: str):
    before = json.loads(run_gomq("cluster", "info", "--format", "json").out)
    run_gomq("topic", "create", topic, "--partitions", "3")
    found = json.loads(run_gomq("cluster", "info", "--format", "json").out)

    (broker,) = found["brokers"]
    assert (broker["node_id"], f"{broker['host']}:{broker['port']}") == (1, address)
    assert broker["listeners"]
    assert found["controller_id"] == 1
    assert (found["topics"], found["partitions"]) == (before["topics"] + 1, before["partitions"] + 3)
    (directory,) = found["log_dirs"]
    assert directory["partitions"] == found["partitions"]
    assert 0 < directory["usable_bytes"] <= directory["total_bytes"]
    assert "apis" not in found


def test_what_one_broker_does_not_tell_is_left_out_and_the_rest_is_told(
    run_gomq: RunGomq, monkeypatch: pytest.MonkeyPatch
):
    async def log_dirs(*_: object, **__: object) -> None:
        raise ConnectionFailedError("127.0.0.1:1", "Connection refused")

    monkeypatch.setattr("gomq.client.admin.admin.Admin.log_dirs", log_dirs)
    ran = run_gomq("cluster", "info", "--format", "json")

    found = json.loads(ran.out)
    assert (ran.code, found["log_dirs"], len(found["brokers"])) == (1, None, 1)
    assert found["brokers"][0]["listeners"]
    assert ran.err.startswith("gomq: no connection to 127.0.0.1:1: Connection refused; ")


def test_what_a_broker_serves_is_told_by_name(run_gomq: RunGomq):
    found = json.loads(run_gomq("cluster", "info", "--apis", "--format", "json").out)["apis"]

    assert {each["key"] for each in found} == set(SERVED) - UNLISTED
    (fetch,) = [each for each in found if each["name"] == "fetch"]
    assert fetch["key"] == Api.FETCH
    assert (fetch["newest"], fetch["used"]) == (SERVED[Api.FETCH].newest, SPOKEN[Api.FETCH].newest)
    assert "1    1  fetch" in run_gomq("cluster", "info", "--apis").out.decode()


def test_sizes_are_written_as_people_read_them():
    sizes = (None, 0, 1023, 1024, 10_300, 150 * 1024, 5 << 20, 3 << 40, 1 << 60)

    assert [size_text(size) for size in sizes] == [
        "-", "0 B", "1023 B", "1.0 KiB", "10.1 KiB", "150 KiB", "5.0 MiB", "3.0 TiB", "1024.0 PiB",
    ]  # fmt: skip
