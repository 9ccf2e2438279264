"""`gomq topic`: list, create, describe and delete."""

import json
from dataclasses import fields

from gomq.client.admin import PartitionDescription, TopicDescription
from tests.cli.conftest import RunGomq


def test_a_topic_is_created_listed_described_and_deleted(run_gomq: RunGomq, topic: str):
    assert run_gomq("topic", "create", topic, "--partitions", "2").code == 0
    assert topic.encode() in run_gomq("topic", "list").out.splitlines()
    run_gomq("publish", topic, "-p", "1", stdin=b"x\ny\n")

    described = run_gomq("topic", "describe", topic).out.decode().splitlines()

    assert described[0].split() == [
        "TOPIC",
        "PARTITION",
        "LEADER",
        "REPLICAS",
        "ISR",
        "BEGIN-OFFSET",
        "END-OFFSET",
        "SIZE",
    ]
    assert [line.split()[:8] for line in described[1:]] == [
        [topic, "0", "1", "1", "1", "0", "0", "0"],
        [topic, "1", "1", "1", "1", "0", "2", "77"],
    ]
    assert run_gomq("topic", "delete", topic, "--yes").err == f"topic {topic} deleted\n"
    assert topic.encode() not in run_gomq("topic", "list").out.splitlines()


def test_json_has_an_object_for_each_topic(run_gomq: RunGomq, topic: str):
    run_gomq("topic", "create", topic)

    listed = [json.loads(line) for line in run_gomq("topic", "list", "--format", "json").out.splitlines()]
    described = json.loads(run_gomq("topic", "describe", topic, "--format", "json").out)

    (found,) = [each for each in listed if each["name"] == topic]
    assert (found["partition_count"], found["is_internal"]) == (1, False)
    assert described == {
        "name": topic,
        "topic_id": found["topic_id"],
        "is_internal": False,
        "partitions": [
            {
                "index": 0,
                "leader": 1,
                "replicas": [1],
                "in_sync": [1],
                "beginning_offset": 0,
                "end_offset": 0,
                "size_bytes": 0,
            }
        ],
        "configs": {},
    }


def test_json_calls_what_it_shows_as_the_admin_client_does(run_gomq: RunGomq, topic: str):
    run_gomq("topic", "create", topic)

    described = json.loads(run_gomq("topic", "describe", topic, "--format", "json").out)

    assert described.keys() - {"configs"} == {each.name for each in fields(TopicDescription)}
    (partition,) = described["partitions"]
    assert partition.keys() - {"size_bytes"} == {each.name for each in fields(PartitionDescription)}


def test_all_topics_are_described_where_none_is_named(run_gomq: RunGomq, topic: str):
    run_gomq("topic", "create", f"{topic}-1", f"{topic}-2")

    described = run_gomq("topic", "describe").out.decode()

    assert f"{topic}-1 " in described
    assert f"{topic}-2 " in described


def test_creating_one_that_exists_fails_unless_that_is_fine(run_gomq: RunGomq, topic: str):
    run_gomq("topic", "create", topic)

    again = run_gomq("topic", "create", topic)

    assert again.code == 1
    assert "already exists" in again.err
    fine = run_gomq("topic", "create", topic, "--if-not-exists")
    assert (fine.code, fine.err) == (0, f"topic {topic} exists already\n")


def test_one_that_fails_does_not_keep_the_others_from_it(run_gomq: RunGomq, topic: str):
    ran = run_gomq("topic", "create", "a/b", topic, "..")

    assert ran.code == 1
    assert [line.split(" ")[2] for line in ran.err.splitlines()] == ["'a/b'", "created", "'..'"]
    assert topic.encode() in run_gomq("topic", "list").out.splitlines()


def test_deleting_one_that_is_not_there_fails_unless_that_is_fine(run_gomq: RunGomq, topic: str):
    ran = run_gomq("topic", "delete", topic, "--yes")

    assert ran.code == 1
    assert topic in ran.err
    assert run_gomq("topic", "delete", topic, "--if-exists", "--yes").code == 0


def test_deleting_is_asked_about_and_where_nobody_is_there_nothing_goes(run_gomq: RunGomq, topic: str):
    run_gomq("topic", "create", topic)

    ran = run_gomq("topic", "delete", topic)

    assert ran.code == 2
    assert f"Delete topic {topic} with all messages?" in ran.err
    assert "say --yes" in ran.err
    assert topic.encode() in run_gomq("topic", "list").out.splitlines()


def test_a_pattern_lists_describes_and_with_yes_deletes_what_it_matches_whole(run_gomq: RunGomq, topic: str):
    run_gomq("topic", "create", f"{topic}-1", f"{topic}-2", f"{topic}-x1")
    pattern = f"{topic}-[0-9]"

    listed = run_gomq("topic", "list", "--regex", pattern).out.decode().split()
    described = run_gomq("topic", "describe", "-r", pattern, "--format", "json").out.splitlines()
    refused = run_gomq("topic", "delete", "-r", pattern)
    deleted = run_gomq("topic", "delete", "-r", pattern, "--yes", "--format", "json").out.splitlines()

    assert listed == [f"{topic}-1", f"{topic}-2"]
    assert [json.loads(line)["name"] for line in described] == listed
    assert refused.code == 2
    assert f"`gomq topic list -r '{pattern}'` shows what would go" in refused.err
    assert [json.loads(line) for line in deleted] == [{"topic": name, "is_deleted": True} for name in listed]
    assert run_gomq("topic", "list", "-r", f"{topic}-.*").out.decode().split() == [f"{topic}-x1"]


def test_a_pattern_that_matches_nothing_is_told_unless_that_is_right(run_gomq: RunGomq):
    for arguments in (["describe"], ["alter", "-c", "retention.ms=1"], ["delete", "--yes"]):
        ran = run_gomq("topic", *arguments, "-r", "none-such-.*")
        assert ran.code == 1
        assert ran.err.startswith("gomq: no topic matches the pattern")
    assert run_gomq("topic", "delete", "--yes", "--if-exists", "-r", "none-such-.*").code == 0
    assert run_gomq("topic", "list", "-r", "none-such-.*").code == 0


def test_names_and_a_pattern_or_neither_are_wrong_usage(run_gomq: RunGomq):
    for arguments in (["delete", "a", "-r", "b"], ["describe", "a", "-r", "b"], ["alter", "-c", "a=1"], ["delete"]):
        assert run_gomq("topic", *arguments).code == 2


def test_a_long_list_has_partitions_and_sizes(run_gomq: RunGomq, topic: str):
    run_gomq("topic", "create", topic, "--partitions", "3")
    run_gomq("publish", topic, "-p", "0", stdin=b"x" * 2000 + b"\n")

    table = run_gomq("topic", "list", "-l", "-r", topic).out.decode().splitlines()
    found = json.loads(run_gomq("topic", "list", "--long", "-r", topic, "--format", "json").out)

    assert table[0].split() == ["TOPIC", "PARTITIONS", "REPLICAS", "SIZE"]
    assert table[1].split() == [topic, "3", "1", "2.0", "KiB"]
    assert (found["partition_count"], found["replication_factor"], found["size_bytes"]) == (3, 1, 2070)


def test_no_partition_of_a_broker_that_runs_is_unavailable(run_gomq: RunGomq, topic: str):
    run_gomq("topic", "create", topic)

    ran = run_gomq("topic", "describe", "--unavailable", topic)

    assert (ran.code, ran.out) == (0, b"")


def test_creating_can_be_tried(run_gomq: RunGomq, topic: str):
    ran = run_gomq("topic", "create", topic, "--validate-only")

    assert (ran.code, ran.err) == (0, f"topic {topic} can be created: nothing was done\n")
    assert run_gomq("topic", "create", topic, "-c", "colour=blue", "--validate-only").code == 1
    assert json.loads(run_gomq("topic", "create", topic, "--format", "json").out) == {
        "topic": topic,
        "is_created": True,
    }
    assert run_gomq("topic", "create", topic, "--validate-only").code == 1


def test_describing_one_that_is_not_there_shows_the_others(run_gomq: RunGomq, topic: str):
    run_gomq("topic", "create", topic)

    ran = run_gomq("topic", "describe", "none-such", topic)

    assert ran.code == 1
    assert ran.err == "gomq: topic 'none-such' does not exist\n"
    assert topic.encode() in ran.out


def test_a_config_that_the_broker_does_not_know_is_refused_by_name(run_gomq: RunGomq, topic: str):
    ran = run_gomq("topic", "create", topic, "-c", "colour=blue")

    assert ran.code == 1
    assert "'colour'" in ran.err
    assert topic.encode() not in run_gomq("topic", "list").out.splitlines()


def test_a_config_without_a_value_is_wrong_usage(run_gomq: RunGomq, topic: str):
    ran = run_gomq("topic", "create", topic, "-c", "segment.bytes")

    assert ran.code == 2
    assert "NAME=VALUE" in ran.err


def test_internal_topics_are_only_shown_when_asked_for(run_gomq: RunGomq, topic: str):
    run_gomq("topic", "create", topic)

    assert b"__" not in run_gomq("topic", "list").out
