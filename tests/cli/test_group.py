"""`gomq group`: what groups there are, how far they got, and where they go on."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import gomq.blocking
from gomq import TopicPartition
from gomq.cli.group import output
from gomq.cli.group.command import lag_problems, with_offsets
from gomq.cli.group.output import DescribedGroup
from gomq.client.admin import GroupListing, GroupOffset, GroupState, GroupType
from tests.cli.conftest import RunGomq
from tests.support.brokers import GOMQ


@pytest.fixture
def group(run_gomq: RunGomq, topic: str) -> str:
    """A group that is at offset 3 of 10 in partition 0 of a topic of its name, and has none in partition 1."""
    run_gomq("topic", "create", topic, "--partitions", "2")
    run_gomq("publish", topic, "-p", "0", stdin=b"x\n" * 10)
    assert run_gomq("group", "reset-offsets", topic, f"{topic}:0", "--to-offset", "3", "--execute").code == 0
    return topic


@contextmanager
def member(address: str, group: str) -> Iterator[None]:
    """A member of the group, for as long as the block takes."""
    with gomq.blocking.Consumer(address, group, group=group, client_id="worker"):
        yield


def rows(out: bytes) -> list[dict[str, str]]:
    headings, *lines = [line.split() for line in out.decode().splitlines()]
    return [dict(zip(headings, line, strict=True)) for line in lines]


def described(run_gomq: RunGomq, group: str) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(run_gomq("group", "describe", group, "--format", "json").out)
    return fields


def test_groups_are_listed_by_name_or_with_their_states(run_gomq: RunGomq, group: str):
    assert group.encode() in run_gomq("group", "list").out.splitlines()
    assert run_gomq("group", "list", "-r", f"{group[:-1]}.").out.decode() == f"{group}\n"
    assert run_gomq("group", "list", "-r", group[:-1]).out == b""

    assert {"GROUP": group, "TYPE": "classic", "STATE": "Empty", "PROTOCOL": "-", "COORDINATOR": "1"} in rows(
        run_gomq("group", "list", "-l", "--state", "empty", "--type", "classic").out
    )
    assert run_gomq("group", "list", "--state", "Stable", "-r", group).out == b""
    listed = json.loads(run_gomq("group", "list", "-r", group, "--format", "json").out)
    assert listed == {"group_id": group, "type": "classic", "state": "Empty", "protocol_type": "", "coordinator": 1}


def test_a_group_is_described_as_kafka_consumer_groups_does(run_gomq: RunGomq, group: str):
    ran = run_gomq("group", "describe", group)

    assert rows(ran.out) == [
        {
            "GROUP": group,
            "TOPIC": group,
            "PARTITION": "0",
            "CURRENT-OFFSET": "3",
            "LOG-END-OFFSET": "10",
            "LAG": "7",
            "CONSUMER-ID": "-",
            "HOST": "-",
            "CLIENT-ID": "-",
        }
    ]
    assert ran.err == f"group {group!r}: no active members, 7 messages behind\n"


def test_json_has_all_of_a_group_in_an_object(run_gomq: RunGomq, address: str, group: str):
    with member(address, group):
        fields = described(run_gomq, group)

    (found,) = fields.pop("members")
    assert fields["lag"] == 7
    assert (fields["state"], fields["protocol_type"], fields["coordinator"]) == ("Stable", "consumer", 1)
    assert (found["client_id"], found["topics"]) == ("worker", [group])
    assert found["assignment"] == [{"topic": group, "partition": 0}, {"topic": group, "partition": 1}]
    (first, _) = fields["offsets"]
    assert (first["partition"], first["committed"], first["end_offset"], first["lag"]) == (0, 3, 10, 7)
    assert {each["member_id"] for each in fields["offsets"]} == {found["member_id"]}


def test_members_and_states_have_tables_of_their_own(run_gomq: RunGomq, address: str, group: str):
    with member(address, group):
        (of_member,) = rows(run_gomq("group", "describe", group, "--members").out)
        (of_group,) = rows(run_gomq("group", "describe", "-r", group, "--state").out)
        of_partitions = rows(run_gomq("group", "describe", group).out)

    assert (of_member["CLIENT-ID"], of_member["#PARTITIONS"], of_member["ASSIGNMENT"]) == (
        "worker",
        "2",
        f"{group}(0,1)",
    )
    assert (of_group["STATE"], of_group["#MEMBERS"], of_group["LAG"]) == ("Stable", "1", "7")
    assert [each["CONSUMER-ID"] for each in of_partitions] == [of_member["CONSUMER-ID"]] * 2


def test_a_group_that_is_not_there_does_not_keep_others_from_being_described(run_gomq: RunGomq, group: str):
    ran = run_gomq("group", "describe", "none-such", group)

    assert ran.code == 1
    assert "gomq: group 'none-such' does not exist\n" in ran.err
    assert [row["GROUP"] for row in rows(ran.out)] == [group]


def test_a_group_whose_members_cannot_be_asked_for_is_not_said_to_have_none(capsys: pytest.CaptureFixture[str]):
    listing = GroupListing(
        group_id="g", protocol_type="consumer", state=GroupState.STABLE, type=GroupType.CONSUMER, coordinator=1
    )
    hidden, empty = DescribedGroup("g", None, {}, listing), DescribedGroup("g", None, {})

    assert (hidden.state, hidden.hides_members) == ("Stable", True)
    assert (empty.state, empty.hides_members) == ("Empty", False)
    fields = output.describe_fields(hidden)
    assert (fields["members"], fields["coordinator"], fields["protocol_type"]) == (None, 1, "consumer")
    output.print_states([hidden, empty])
    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert shown[1:] == [["g", "1", "-", "Stable", "-", "-"], ["g", "-", "-", "Empty", "0", "-"]]


def test_groups_that_have_no_offsets_are_not_among_all_groups():
    def listing(type_: GroupType) -> GroupListing:
        return GroupListing(group_id=type_, protocol_type="", state=None, type=type_, coordinator=1)

    assert with_offsets(map(listing, GroupType)) == ["unknown", "classic", "consumer", "streams"]


@pytest.mark.parametrize("arguments", [(), ("a", "--all"), ("--all", "-r", "a"), ("-r", "(")])
def test_which_groups_are_meant_must_be_said_once(run_gomq: RunGomq, arguments: tuple[str, ...]):
    for command in ("describe", "lag"):
        assert run_gomq("group", command, *arguments).code == 2


def test_lag_has_an_exit_code_for_whoever_watches(run_gomq: RunGomq, group: str):
    ran = run_gomq("group", "lag", group, "--max", "7")
    assert (ran.code, ran.err) == (0, "")
    assert rows(ran.out) == [{"GROUP": group, "TOPIC": group, "LAG": "7"}]

    ran = run_gomq("group", "lag", group, "--max", "6", "--format", "json")
    assert ran.code == 1
    assert json.loads(ran.out) == {"group_id": group, "topic": group, "lag": 7}
    assert ran.err == f"gomq: group {group!r} is 7 messages behind, more than 6\n"


def test_a_partition_whose_lag_nobody_knows_is_not_taken_for_one_without(run_gomq: RunGomq, address: str, group: str):
    run_gomq("publish", group, "-p", "1", stdin=b"y\n")
    with gomq.blocking.Consumer(address, group, group=group, auto_commit=False):
        ran = run_gomq("group", "lag", group, "--max", "1000")

    assert ran.code == 1
    assert ran.err == f"gomq: group {group!r} may be behind by any number in {group}-1: it has committed nothing\n"


def test_of_a_partition_that_nobody_leads_the_lag_is_not_known_and_of_an_empty_one_it_is():
    def offset(committed: int | None, end: int | None) -> GroupOffset:
        first = None if end is None else 0
        return GroupOffset(
            committed=committed, metadata="", leader_epoch=None, beginning_offset=first, end_offset=end, member_id=None
        )

    offsets = {TopicPartition("t", index): each for index, each in enumerate((offset(3, None), offset(None, 0)))}

    assert lag_problems(DescribedGroup("g", None, offsets), 0) == [
        "may be behind by any number in t-0: nobody leads it, or it is gone"
    ]


@pytest.mark.parametrize("command", [("describe",), ("reset-offsets", "--to-latest")])
def test_what_is_said_of_a_table_comes_behind_it_in_one_file(address: str, group: str, command: tuple[str, ...]):
    ran = subprocess.run(
        [*GOMQ, "group", command[0], group, *command[1:], "-b", address],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=20,
        check=True,
    )

    first, *_, last = ran.stdout.decode().splitlines()
    assert first.startswith("GROUP ")
    assert last.startswith(("group ", "nothing was changed: "))


def test_csv_and_json_are_not_both_to_be_had(run_gomq: RunGomq):
    ran = run_gomq("group", "reset-offsets", "g", "--to-latest", "--export", "--format", "json")

    assert ran.code == 2
    assert "--export prints CSV" in ran.err


def test_a_reset_is_shown_before_it_is_done(run_gomq: RunGomq, group: str):
    shown = run_gomq("group", "reset-offsets", group, "--to-latest")
    assert rows(shown.out) == [
        {
            "GROUP": group,
            "TOPIC": group,
            "PARTITION": "0",
            "CURRENT-OFFSET": "3",
            "NEW-OFFSET": "10",
            "AGAIN": "0",
            "SKIPPED": "7",
        }
    ]
    assert shown.err == "nothing was changed: --execute changes 1 partition, 0 are read again, 7 skipped\n"
    assert described(run_gomq, group)["lag"] == 7

    done = run_gomq("group", "reset-offsets", group, "--to-latest", "--execute")
    assert done.out == shown.out
    assert done.err == f"group {group!r} is reset in 1 partition: 0 read again, 7 skipped\n"
    assert described(run_gomq, group)["lag"] == 0


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (("--to-earliest",), {0: 0, 1: 0}),
        (("--to-latest",), {0: 10, 1: 0}),
        (("--to-offset", "5"), {0: 5, 1: 0}),
        (("--to-current",), {0: 3, 1: 0}),
        (("--to-datetime", "2001-01-01T00:00:00Z"), {0: 0, 1: 0}),
        (("--to-datetime", "9000-01-01"), {0: 10, 1: 0}),
        (("--by-duration", "1h"), {0: 0, 1: 0}),
        (("--by-duration", "P1DT1H"), {0: 0, 1: 0}),
    ],
)
def test_there_are_kafkas_ways_to_say_where_to_go_on(
    run_gomq: RunGomq, group: str, target: tuple[str, ...], expected: dict[int, int]
):
    ran = run_gomq("group", "reset-offsets", group, group, *target, "--format", "json")

    found = [json.loads(line) for line in ran.out.splitlines()]
    assert {each["partition"]: each["new"] for each in found} == expected


def test_the_first_offset_is_an_offset(run_gomq: RunGomq, group: str):
    ran = run_gomq("group", "reset-offsets", group, "--to-offset", "0", "--export")

    assert (ran.code, ran.out.decode()) == (0, f"{group},0,0\n")
    assert run_gomq("group", "reset-offsets", group, "--shift-by", "0", "--export").out.decode() == f"{group},0,3\n"


def test_a_groups_name_does_nothing_to_a_terminal(run_gomq: RunGomq, group: str):
    name = f"{group}\n\x1b[31m"
    run_gomq("group", "reset-offsets", name, group, "--to-earliest", "--execute")

    for arguments in (("list", "-r", f"{group}\\s.*"), ("describe", name), ("lag", name)):
        ran = run_gomq("group", *arguments)
        assert f"{group}\\n\\x1b[31m" in ran.out.decode()
        assert b"\x1b" not in ran.out
        assert "\x1b" not in ran.err


def test_a_shift_is_from_where_the_group_is(run_gomq: RunGomq, group: str):
    def new(shift: str) -> int:
        ran = run_gomq("group", "reset-offsets", group, f"{group}:0", "--shift-by", shift, "--format", "json")
        offset: int = json.loads(ran.out)["new"]
        return offset

    assert [new(shift) for shift in ("2", "-2", "-100", "100")] == [5, 1, 0, 10]
    refused = run_gomq("group", "reset-offsets", group, group, "--shift-by", "1")
    assert refused.code == 1
    assert "nothing is committed for it" in refused.err


def test_an_offset_that_is_not_there_is_said_to_be_moved(run_gomq: RunGomq, group: str):
    ran = run_gomq("group", "reset-offsets", group, "--to-offset", "500")

    assert f"{group}-0: offset 500 is not there, it has 0 to 10: its nearest end was taken\n" in ran.err


def test_what_is_exported_can_be_executed_later(run_gomq: RunGomq, group: str, tmp_path: Path):
    file = tmp_path / "offsets.csv"
    exported = run_gomq("group", "reset-offsets", group, group, "--to-current", "--export")
    assert exported.out.decode() == f"{group},0,3\n{group},1,0\n"
    file.write_bytes(exported.out)
    run_gomq("group", "reset-offsets", group, "--to-latest", "--execute")

    assert run_gomq("group", "reset-offsets", group, "--from-file", str(file), "--execute").code == 0

    assert described(run_gomq, group)["lag"] == 7
    assert run_gomq("group", "reset-offsets", group, group, "--from-file", str(file)).code == 2


def test_a_group_with_members_is_not_reset_or_deleted_until_they_are_put_out(
    run_gomq: RunGomq, address: str, group: str
):
    with member(address, group):
        reset = run_gomq("group", "reset-offsets", group, "--to-latest", "--execute")
        deleted = run_gomq("group", "delete", group, "--yes")
        forgotten = run_gomq("group", "delete-offsets", group, f"{group}:0", "--yes")
        (member_id,) = [row["CONSUMER-ID"] for row in rows(run_gomq("group", "describe", group, "--members").out)]
        removed = run_gomq("group", "remove-member", group, member_id)

    assert (reset.code, deleted.code, forgotten.code, removed.code) == (1, 1, 1, 0)
    assert "while it has 1 member, state Stable; " in reset.err
    assert "`gomq group remove-member`" in reset.err
    assert len(forgotten.err.splitlines()) == 1


def test_members_to_be_put_out_must_be_named(run_gomq: RunGomq, group: str):
    assert run_gomq("group", "remove-member", group).code == 2
    assert run_gomq("group", "remove-member", group, "--all", "--instance", "x").code == 2
    ran = run_gomq("group", "remove-member", group, "nobody", "--reason", "a test")
    assert (ran.code, ran.err) == (1, f"gomq: group {group!r} has no member 'nobody'\n")
    assert run_gomq("group", "remove-member", group, "--all").code == 0


def test_offsets_of_a_topic_are_forgotten(run_gomq: RunGomq, group: str):
    run_gomq("group", "reset-offsets", group, group, "--to-latest", "--execute")

    assert run_gomq("group", "delete-offsets", group, f"{group}:1", "--yes").code == 0
    assert [row["PARTITION"] for row in rows(run_gomq("group", "describe", group).out)] == ["0"]
    ran = run_gomq("group", "delete-offsets", group, "other", "--yes")
    assert ran.err == f"group {group!r} has committed nothing for topic 'other'\n"


def test_deleting_is_asked_for_and_takes_several(run_gomq: RunGomq, group: str):
    asked = run_gomq("group", "delete", group)
    assert asked.code == 2
    assert asked.err.startswith(f"gomq: Delete group {group} with all that was committed? ")
    assert "--yes" in asked.err

    ran = run_gomq("group", "delete", "none-such", group, "--yes")
    assert ran.code == 1
    assert len(ran.err.splitlines()) == 1
    assert group.encode() not in run_gomq("group", "list").out.splitlines()
    assert run_gomq("group", "delete", group, "--yes", "--if-exists").code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "one of --to-earliest, --to-latest, "),
        (("--to-earliest", "--shift-by", "1"), "one of --to-earliest, --shift-by. "),
        (("--to-datetime", "tomorrow"), "'tomorrow' is no moment"),
        (("--by-duration", "PT"), "'PT' is no duration"),
        (("--to-offset", "-1"), "not in the range"),
        (("t:x", "--to-earliest"), "'t:x' is neither TOPIC nor TOPIC:PARTITION,..."),
        (("t:99999999999", "--to-earliest"), "'t:99999999999' is neither TOPIC nor"),
        (("t:4294967296", "--to-earliest"), "no topic has partition 4294967296"),
        (("t", "t:1", "--to-earliest"), "topic 't' is named twice"),
    ],
)
def test_a_reset_that_cannot_be_understood_is_wrong_usage(run_gomq: RunGomq, arguments: tuple[str, ...], message: str):
    ran = run_gomq("group", "reset-offsets", "g", *arguments)

    assert ran.code == 2
    assert message in ran.err
    assert len(ran.err.splitlines()) == 1
