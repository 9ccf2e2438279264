"""`gomq topic`: configs of topics, and deleting first messages."""

import json
from typing import Any

import pytest

from tests.cli.conftest import RunGomq


def configs(run_gomq: RunGomq, topic: str, *options: str) -> Any:
    described = json.loads(run_gomq("topic", "describe", topic, "--format", "json", *options).out)
    return described["configs"]


def test_configs_are_set_and_unset_and_the_others_stay(run_gomq: RunGomq, topic: str):
    run_gomq("topic", "create", topic, "-c", "segment.bytes=1048576", "-c", "retention.ms=1000")

    ran = run_gomq("topic", "alter", topic, "-c", "cleanup.policy=delete,compact", "--unset", "retention.ms")

    assert (ran.code, ran.out) == (0, b"")
    assert ran.err.splitlines() == [
        f"topic {topic}: cleanup.policy delete -> delete,compact",
        f"topic {topic}: retention.ms 1000 -> -1",
    ]
    assert configs(run_gomq, topic) == {"cleanup.policy": "delete,compact", "segment.bytes": "1048576"}


def test_several_topics_are_altered_and_one_that_fails_does_not_keep_the_others_from_it(run_gomq: RunGomq, topic: str):
    run_gomq("topic", "create", f"{topic}-1", f"{topic}-2")

    ran = run_gomq("topic", "alter", f"{topic}-1", "none-such", f"{topic}-2", "-c", "retention.ms=1000")

    assert ran.code == 1
    assert ran.err.startswith("gomq: configs of topic 'none-such' cannot be changed: there is no topic 'none-such'\n")
    assert configs(run_gomq, f"{topic}-1") == configs(run_gomq, f"{topic}-2") == {"retention.ms": "1000"}


def test_a_value_that_cannot_be_is_told_with_those_that_can(run_gomq: RunGomq, topic: str):
    run_gomq("topic", "create", topic)

    ran = run_gomq("topic", "alter", topic, "-c", "retention.ms=soon")

    assert ran.code == 1
    assert "retention.ms must be an integer from -1" in ran.err
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "nothing to change"),
        (("-c", "retention.ms"), "NAME=VALUE"),
        (("-c", "=1"), "NAME=VALUE"),
    ],
)
def test_altering_nothing_is_wrong_usage(run_gomq: RunGomq, topic: str, arguments: tuple[str, ...], told: str):
    ran = run_gomq("topic", "alter", topic, *arguments)

    assert ran.code == 2
    assert told in ran.err


def test_setting_and_unsetting_the_same_is_refused(run_gomq: RunGomq, topic: str):
    ran = run_gomq("topic", "alter", topic, "-c", "retention.ms=1", "--unset", "retention.ms")

    assert (ran.code, ran.err) == (1, "gomq: retention.ms cannot be both set and unset\n")


def test_a_topics_own_configs_are_a_table_of_their_own(run_gomq: RunGomq, topic: str):
    run_gomq("topic", "create", topic, "-c", "segment.bytes=1048576", "-c", "cleanup.policy=")

    described = run_gomq("topic", "describe", topic).out.decode().splitlines()

    assert [line.split() for line in described[2:]] == [
        [],
        ["TOPIC", "CONFIG", "VALUE", "SOURCE"],
        [topic, "cleanup.policy", "topic"],
        [topic, "segment.bytes", "1048576", "topic"],
    ]


def test_all_configs_are_shown_where_that_is_wanted(run_gomq: RunGomq, topic: str):
    run_gomq("topic", "create", topic, "-c", "segment.bytes=1048576")

    described = run_gomq("topic", "describe", topic, "--configs").out.decode().splitlines()

    rows = [line.split() for line in described]
    assert [topic, "segment.bytes", "1048576", "topic"] in rows
    assert [topic, "retention.ms", "-1", "default"] in rows
    assert configs(run_gomq, topic, "--configs")["compression.type"] == "producer"


def test_first_messages_of_a_partition_are_deleted(run_gomq: RunGomq, topic: str):
    run_gomq("topic", "create", topic, "--partitions", "2")
    run_gomq("publish", topic, "-p", "1", stdin=b"a\nb\nc\n")

    deleted = run_gomq("topic", "delete-records", topic, "--partition", "1", "--before", "2", "--yes")

    assert deleted.code == 0
    assert [line.split() for line in deleted.out.decode().splitlines()] == [
        ["TOPIC", "PARTITION", "BEGIN-OFFSET"],
        [topic, "1", "2"],
    ]
    assert run_gomq("subscribe", topic, "--replay", "--exit").out == b"c\n"


def test_all_messages_of_all_partitions_are_deleted(run_gomq: RunGomq, topic: str):
    run_gomq("topic", "create", topic, "--partitions", "2")
    run_gomq("publish", topic, "-p", "1", stdin=b"a\nb\nc\n")

    deleted = run_gomq("topic", "delete-records", topic, "--before", "end", "--format", "json", "-y")

    assert [json.loads(line) for line in deleted.out.splitlines()] == [
        {"topic": topic, "partition": 0, "beginning_offset": 0},
        {"topic": topic, "partition": 1, "beginning_offset": 3},
    ]
    assert run_gomq("subscribe", topic, "--replay", "--exit").out == b""
    assert run_gomq("topic", "delete-records", topic, "--before", "end").code == 0, "nothing is left to ask about"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--before", "2"), "--partition N says which"),
        (("--partition", "0"), "Missing option '--before'"),
        (("--partition", "0", "--before", "last"), "'last' is no place; write earliest, latest, an offset"),
        (("--partition", "0", "--before", "earliest"), "nothing is before earliest"),
        (("--partition", "-1", "--before", "0"), "--partition"),
    ],
)
def test_records_of_no_place_are_wrong_usage(run_gomq: RunGomq, topic: str, arguments: tuple[str, ...], told: str):
    ran = run_gomq("topic", "delete-records", topic, *arguments)

    assert ran.code == 2
    assert told in ran.err


@pytest.mark.parametrize(
    ("name", "partition", "before", "told"),
    [
        ("", "0", "1", "offset out of range"),
        ("", "9", "0", "does not exist"),
        ("none-such", "0", "0", "does not exist"),
    ],
)
def test_records_that_are_not_there_cannot_be_deleted(
    run_gomq: RunGomq, topic: str, name: str, partition: str, before: str, told: str
):
    run_gomq("topic", "create", topic)

    ran = run_gomq("topic", "delete-records", name or topic, "--partition", partition, "--before", before, "-y")

    assert (ran.code, ran.out) == (1, b"")
    assert told in ran.err


def test_all_but_the_last_messages_of_each_partition_are_deleted(run_gomq: RunGomq, topic: str):
    run_gomq("topic", "create", topic, "--partitions", "2")
    run_gomq("publish", topic, "-p", "0", stdin=b"a\nb\n")
    run_gomq("publish", topic, "-p", "1", stdin=b"c\nd\ne\nf\n")

    asked = run_gomq("topic", "delete-records", topic, "--before", "-1")
    deleted = run_gomq("topic", "delete-records", topic, "--before", "-1", "--yes", "--format", "json")

    assert asked.code == 2
    assert f"Delete 4 messages of topic {topic} for good?" in asked.err
    assert [json.loads(line)["beginning_offset"] for line in deleted.out.splitlines()] == [1, 3]


def test_what_is_older_than_a_time_is_deleted(run_gomq: RunGomq, topic: str):
    run_gomq("publish", topic, "--timestamp", "2h", stdin=b"old\n")
    run_gomq("publish", topic, stdin=b"new\n")

    assert run_gomq("topic", "delete-records", topic, "--before", "1h", "--yes").code == 0

    assert run_gomq("subscribe", topic, "--replay", "--exit").out == b"new\n"


def test_a_dry_run_shows_what_altering_would_change_and_changes_nothing(run_gomq: RunGomq, topic: str):
    run_gomq("topic", "create", topic, "-c", "segment.bytes=1048576")
    changes = (
        "-c",
        "retention.ms=1000",
        "--unset",
        "segment.bytes",
        "-c",
        "cleanup.policy=delete",
        "--partitions",
        "3",
    )

    shown = run_gomq("topic", "alter", topic, *changes, "--dry-run")

    assert [line.split() for line in shown.out.decode().splitlines()] == [
        ["TOPIC", "NAME", "OLD", "NEW"],
        [topic, "partitions", "1", "3"],
        [topic, "retention.ms", "-1", "1000"],
        [topic, "segment.bytes", "1048576", "1073741824"],
    ]
    assert shown.err == "nothing was changed: without --dry-run it is\n"
    assert configs(run_gomq, topic) == {"segment.bytes": "1048576"}
    assert run_gomq("topic", "alter", topic, "-c", "retention.ms=x", "--dry-run").code == 1


def test_partitions_are_added_and_never_taken_away(run_gomq: RunGomq, topic: str):
    run_gomq("topic", "create", topic)

    more = run_gomq("topic", "alter", topic, "--partitions", "3", "--format", "json")
    fewer = run_gomq("topic", "alter", topic, "--partitions", "2")

    assert json.loads(more.out) == {"topic": topic, "name": "partitions", "old": "1", "new": "3", "is_dry_run": False}
    assert fewer.code == 1
    assert "2 would not be an increase" in fewer.err
    assert len(run_gomq("topic", "describe", topic).out.splitlines()) == 4
