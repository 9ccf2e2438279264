"""`gomq topic`: list, create, describe and delete."""

import json

from tests.cli.conftest import RunGomq


def test_a_topic_is_created_listed_described_and_deleted(run_gomq: RunGomq, topic: str):
    assert run_gomq("topic", "create", topic, "--partitions", "2").code == 0
    assert topic.encode() in run_gomq("topic", "list").out.splitlines()
    run_gomq("publish", topic, "-p", "1", stdin=b"x\ny\n")

    described = run_gomq("topic", "describe", topic).out.decode().splitlines()

    assert described[0].split() == ["TOPIC", "PARTITION", "LEADER", "REPLICAS", "ISR", "BEGIN-OFFSET", "END-OFFSET"]
    assert [line.split() for line in described[1:]] == [
        [topic, "0", "1", "1", "1", "0", "0"],
        [topic, "1", "1", "1", "1", "0", "2"],
    ]
    assert run_gomq("topic", "delete", topic).code == 0
    assert topic.encode() not in run_gomq("topic", "list").out.splitlines()


def test_json_has_an_object_for_each_topic(run_gomq: RunGomq, topic: str):
    run_gomq("topic", "create", topic)

    listed = [json.loads(line) for line in run_gomq("topic", "list", "--format", "json").out.splitlines()]
    described = json.loads(run_gomq("topic", "describe", topic, "--format", "json").out)

    (found,) = [each for each in listed if each["topic"] == topic]
    assert found["partitions"] == 1
    assert described == {
        "topic": topic,
        "topic_id": found["topic_id"],
        "partitions": [
            {"partition": 0, "leader": 1, "replicas": [1], "isr": [1], "begin_offset": 0, "end_offset": 0}
        ],
        "configs": {},
    }  # fmt: skip


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
    assert run_gomq("topic", "create", topic, "--if-not-exists").code == 0


def test_one_that_fails_does_not_keep_the_others_from_it(run_gomq: RunGomq, topic: str):
    ran = run_gomq("topic", "create", "a/b", topic, "..")

    assert ran.code == 1
    assert [line.split(" ")[2] for line in ran.err.splitlines()] == ["'a/b'", "'..'"]
    assert topic.encode() in run_gomq("topic", "list").out.splitlines()


def test_deleting_one_that_is_not_there_fails_unless_that_is_fine(run_gomq: RunGomq, topic: str):
    ran = run_gomq("topic", "delete", topic)

    assert ran.code == 1
    assert topic in ran.err
    assert run_gomq("topic", "delete", topic, "--if-exists").code == 0


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
