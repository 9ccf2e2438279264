"""Manners that every command has: help with examples, variables, exit codes, one line for whatever goes wrong."""

import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import click
import pytest

from gomq.cli.commands import COMMANDS
from gomq.cli.help import Sectioned
from gomq.cli.main import command, main
from gomq.cli.wording import explain
from gomq.errors import ConnectionFailedError, GomqError
from tests.cli.conftest import Ran, RunGomq
from tests.support.brokers import GOMQ

SHARED = {"--broker": "GOMQ_BROKER", "--format": "GOMQ_FORMAT", "--timeout": "GOMQ_TIMEOUT", "--yes": "GOMQ_YES"}
NO_DATA = {"serve", "demo", "config docs", "config set", "config unset", "completion", "topic create", "topic delete",
    "topic alter", "group delete", "group delete-offsets", "group remove-member"}  # fmt: skip
"""They print nothing, or what is no list of objects."""
ARGUMENTS = {
    "config get": (), "config set": ("a=b",), "config unset": ("a",), "cluster info": (), "subscribe": ("t",),
    "bench publish": (), "bench subscribe": ("t",), "bench latency": (), "group list": (), "group describe": ("g",),
    "group lag": ("g",), "group delete": ("g", "--yes"), "group delete-offsets": ("g", "t", "--yes"),
    "group remove-member": ("g", "m"), "group reset-offsets": ("g", "t", "--to-latest"), "publish": ("t",),
    "topic list": (), "topic create": ("t",), "topic describe": ("t",), "topic alter": ("t", "-c", "a=b"),
    "topic delete": ("t", "--yes"), "topic delete-records": ("t", "--before", "end"),
}  # fmt: skip
"""With these a command gets as far as to the broker."""


def leaves(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by its words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        if isinstance(found, click.Group):
            yield from leaves(found, f"{path}{name} ")
        else:
            yield f"{path}{name}", found


LEAVES = dict(leaves(command()))


@pytest.fixture
def garbage() -> Iterator[str]:
    """A port on which whoever connects is told what no Kafka says."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            try:
                while True:
                    peer, _ = server.accept()
                    with peer:
                        peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 4)
            except OSError:
                pass  # the test is over

        thread = threading.Thread(target=serve)
        thread.start()
        yield "{}:{}".format(*server.getsockname())
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def failed_in_one_line(ran: Ran) -> str:
    assert (ran.code, ran.out) == (1, b"")
    (line,) = ran.err.splitlines()
    assert line.startswith("gomq: ")
    return line


def test_help_says_in_a_line_what_each_command_is_for(run_gomq: RunGomq):
    out = run_gomq("--help").out.decode()

    for name, purpose in COMMANDS.items():
        assert re.search(rf"^  {name}  +{purpose.split()[0]} ", out, re.MULTILINE)
    assert run_gomq().out.decode() == out
    assert run_gomq("group").code == 0
    assert b"reset-offsets" in run_gomq("group").out


@pytest.mark.parametrize("words", [(), ("topic",), ("publish",), ("topic", "create")])
def test_help_can_be_asked_for_in_front_or_behind(run_gomq: RunGomq, words: tuple[str, ...]):
    ran = run_gomq("help", *words)

    assert (ran.code, ran.err) == (0, "")
    assert ran.out == run_gomq(*words, "--help").out


@pytest.mark.parametrize("name", ["publish", "subscribe"])
def test_many_options_stand_under_titles_each_once(name: str):
    found = LEAVES[name]
    assert isinstance(found, Sectioned)

    *sections, (last, rest) = found.sections(click.Context(found, help_option_names=["--help"]))

    assert (last, [each.opts[-1] for each in rest]) == ("Options", ["--help"])
    shown = [each.name for _, options in sections for each in options]
    assert sorted(map(str, shown)) == sorted(str(each.name) for each in found.params if isinstance(each, click.Option))


@pytest.mark.parametrize("name", LEAVES)
def test_help_has_examples_and_a_variable_for_each_option(run_gomq: RunGomq, name: str):
    ran = run_gomq(*name.split(), "--help")

    assert (ran.code, ran.err) == (0, "")
    usage, found, examples = ran.out.decode().partition("Examples:\n")
    assert found
    lines = [line.strip() for line in examples.splitlines() if line.strip()]
    assert all("gomq" in line for line in lines[:1])
    assert any(f"gomq {name}" in line for line in lines)
    assert usage.startswith(f"Usage: gomq {name} ")
    for option in LEAVES[name].params:
        if isinstance(option, click.Option) and not option.hidden and option.name != "help":
            long = max(option.opts, key=len)
            suffix = long.removeprefix("--").replace("-", "_").upper()
            own = f"GOMQ_{name.replace(' ', '_').replace('-', '_').upper()}_{suffix}"
            variables = {own, SHARED.get(long, own), f"GOMQ_{suffix}" if name in {"serve", "config show"} else own}
            assert any(f"[envvar:{each}" in re.sub(r"\s", "", usage) for each in variables), long


def test_help_waits_for_neither_client_nor_broker():
    """Importing these takes three times as long as all the rest."""
    script = f"""
import sys
from gomq.cli.main import main
for name in {list(LEAVES)!r}:
    assert main([*name.split(), "--help"]) == 0
    late = {{"gomq.client", "gomq.broker.broker", "kio", "rich", "structlog", "crc32c"}} & sys.modules.keys()
    assert not late, (name, late)
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=40, check=False)

    assert (ran.returncode, ran.stderr) == (0, b"")


@pytest.mark.parametrize("name", [name for name in LEAVES if name not in NO_DATA])
def test_whatever_prints_data_prints_json(name: str):
    options = [option for each in LEAVES[name].params for option in each.opts]

    assert "--format" in options


@pytest.mark.parametrize("name", LEAVES)
def test_an_option_that_is_none_is_one_line_and_exit_code_2(run_gomq: RunGomq, name: str):
    ran = run_gomq(*name.split(), "--no-such-option")

    assert (ran.code, ran.out) == (2, b"")
    (line,) = ran.err.splitlines()
    assert re.match(r"gomq: No such option:? '?--no-such-option", line)
    assert line.endswith(f"See `gomq {name} --help`")


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_broker_that_is_not_there_is_one_line(run_gomq: RunGomq, name: str):
    started = time.monotonic()

    line = failed_in_one_line(run_gomq(*name.split(), *ARGUMENTS[name], "-b", "127.0.0.1:1"))

    assert line.startswith("gomq: no connection to 127.0.0.1:1: Connection refused; ")
    assert "`gomq serve` starts one" in line
    assert time.monotonic() - started < 20  # it does not try again until its time is over


def test_no_command_is_left_out_of_these_tests():
    asks = {name for name, found in LEAVES.items() if any("--broker" in each.opts for each in found.params)}

    assert asks <= set(ARGUMENTS)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_port_that_says_what_no_kafka_says_is_one_line(run_gomq: RunGomq, garbage: str, name: str):
    line = failed_in_one_line(run_gomq(*name.split(), *ARGUMENTS[name], "-b", garbage))

    assert f"{garbage} does not speak Kafka's protocol" in line


@pytest.mark.parametrize("name", ["group list", "cluster info", "config get"])
def test_a_port_that_says_nothing_is_one_line_once_the_time_is_over(run_gomq: RunGomq, silent: str, name: str):
    ran = run_gomq(*name.split(), *ARGUMENTS[name], "-b", silent, "--timeout", "0.2")

    assert failed_in_one_line(ran).startswith(f"gomq: no connection to {silent}: no answer within 0.2 s; ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("pubish",), "There is no command 'pubish'. Did you mean publish? See `gomq --help`"),
        (("zzz",), "There is no command 'zzz'. See `gomq --help`"),
        (("topic", "crate"), "There is no command 'crate'. Did you mean create or alter? See `gomq topic --help`"),
        (("config", "gt"), "There is no command 'gt'. Did you mean get? See `gomq config --help`"),
        (("help", "pubish"), "There is no command 'pubish'. Did you mean publish? See `gomq --help`"),
        (("group", "reset-offsets", "g", "--to-earlist"), "--to-earliest"),
        (("-b", "localhost:1", "topic", "list"), "No such option '-b' in front of a command: its options stand behind"),
        (("group", "list", "-b", "nowhere:port"), "'nowhere:port' is not an address"),
        (("group", "describe", "\udcff"), "is not UTF-8"),
        (("group", "describe", "g" * 40_000), "room for 32767 bytes"),
        (("bench", "publish", "--partitions", "9999999999"), "not in the range"),
    ],
)
def test_what_is_misspelt_is_guessed_at(run_gomq: RunGomq, arguments: tuple[str, ...], message: str):
    ran = run_gomq(*arguments)

    assert ran.code == 2
    assert message in ran.err
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize("group", ["topic", "group", "config", "cluster", "bench"])
def test_help_says_whole_what_each_command_is_for(run_gomq: RunGomq, group: str):
    shown = run_gomq(group, "--help").out.decode()

    assert "..." not in shown.partition("Commands:")[2].partition("Examples:")[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("topic", "describe", "a b"), "topic name 'a b' has characters other than ASCII letters, digits, "),
        (("group", "delete", "nobody", "--yes"), "group 'nobody' cannot be deleted: there is no such group"),
    ],
)
def test_what_brokers_only_have_a_code_for_is_said_in_words(run_gomq: RunGomq, arguments: tuple[str, ...], words: str):
    assert words in failed_in_one_line(run_gomq(*arguments))


@pytest.mark.parametrize(
    ("variable", "value", "arguments"),
    [
        ("GOMQ_FORMAT", "xml", ("group", "list")),
        ("GOMQ_BROKER", "a:b", ("group", "list")),
        ("GOMQ_TIMEOUT", "soon", ("group", "list")),
        ("GOMQ_GROUP_LIST_STATE", "odd", ("group", "list")),
        ("GOMQ_GROUP_RESET_OFFSETS_TO_OFFSET", "x", ("group", "reset-offsets", "g")),
    ],
)
def test_a_variable_that_is_wrong_is_named(
    run_gomq: RunGomq, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, arguments: tuple[str, ...]
):
    monkeypatch.setenv(variable, value)

    ran = run_gomq(*arguments)

    assert (ran.code, ran.out) == (2, b"")
    assert variable in ran.err
    assert len(ran.err.splitlines()) == 1


def test_several_failures_are_a_line_each_and_no_more_than_can_be_read():
    several = ExceptionGroup("", [GomqError("one"), ExceptionGroup("", [GomqError("two\nthree"), GomqError("one")])])
    assert explain(several) == ["one", "two", "three"]

    many = ExceptionGroup("", [GomqError(str(number)) for number in range(30)])
    assert explain(many)[-1] == "... and 10 more"
    assert explain(GomqError("a broker's \x1b[31m words")) == ["a broker's \\x1b[31m words"]
    assert explain(OSError(28, "No space left on device", "/x")) == ["/x: No space left on device"]
    (line,) = explain(ConnectionFailedError("h:1", "Connection refused"))
    assert line.count("is a broker running there?") == 1


def test_a_mistake_of_ours_is_one_line_too_and_a_traceback_where_it_is_wanted(
    capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gomq.cli.main._run", lambda _: 1 / 0)

    assert main([]) == 1
    (line,) = capfdbinary.readouterr().err.decode().splitlines()
    assert line.startswith("gomq: ZeroDivisionError: division by zero; ")
    monkeypatch.setenv("GOMQ_TRACEBACK", "1")
    assert main([]) == 1
    assert b"Traceback" in capfdbinary.readouterr().err


@pytest.mark.parametrize("redirected", [">&-", "2>&-", ">&- 2>&-", "<&-", ">/dev/full"])
def test_streams_that_are_closed_or_full_end_in_no_traceback(redirected: str):
    script = f'"$@" config docs {redirected}'
    ran = subprocess.run(["sh", "-c", script, "sh", *GOMQ], capture_output=True, timeout=40, check=False)

    assert ran.returncode == (0 if redirected in {"2>&-", "<&-"} else 1)
    assert ran.stderr.count(b"\n") <= 1
    assert ran.stderr.startswith(b"gomq: ") == (redirected in {">&-", ">/dev/full"})
    assert ran.stdout.startswith(b"# Settings") == (ran.returncode == 0)


@pytest.mark.parametrize("arguments", ["group", "group --help", "--version"])
def test_help_for_which_there_is_no_room_is_one_line(arguments: str):
    script = f'"$@" {arguments} >/dev/full'
    ran = subprocess.run(["sh", "-c", script, "sh", *GOMQ], capture_output=True, timeout=40, check=False)

    assert (ran.returncode, ran.stderr) == (1, b"gomq: No space left on device\n")


def test_json_stays_json_in_a_locale_that_lacks_letters(run_gomq: RunGomq, address: str, topic: str):
    run_gomq("topic", "create", topic)
    run_gomq("group", "reset-offsets", "größe-😀", topic, "--to-latest", "--execute")
    environment = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "GOMQ_BROKER": address}
    command = [*GOMQ, "group", "list", "--format", "json"]
    ran = subprocess.run(command, capture_output=True, timeout=40, check=False, env=environment)

    assert "größe-😀" in {json.loads(line)["group_id"] for line in ran.stdout.decode("ascii").splitlines()}


def test_it_runs_without_a_home_and_with_an_old_locale(address: str):
    environment = {
        "LC_ALL": "C",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONUTF8": "0",
        "GOMQ_BROKER": address,
        "COLUMNS": "20",
    }
    ran = subprocess.run(
        [*GOMQ, "group", "describe", "größe"], capture_output=True, timeout=40, check=False, env=environment
    )

    assert (ran.returncode, ran.stdout) == (1, b"")
    assert ran.stderr.startswith(b"gomq: group ")
    assert ran.stderr.count(b"\n") == 1
