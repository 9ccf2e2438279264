"""`gomq config`: what counts and why; and the file, whose every mistake is one line that says what to do."""

import json
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from gomq.cli.config.file import read_config_file
from gomq.errors import ConfigurationError
from gomq_storage.config import CleanupPolicy
from tests.cli.conftest import RunGomq


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "gomq.toml"


def shown(run_gomq: RunGomq, *arguments: str) -> dict[str, tuple[str, str, str | None]]:
    ran = run_gomq("config", "show", "--format", "json", *arguments)
    assert (ran.code, ran.err) == (0, "")
    entries = [json.loads(line) for line in ran.out.splitlines()]
    return {entry["name"]: (entry["value"], entry["source"], entry["where"]) for entry in entries}


def test_a_flag_counts_before_the_environment_that_before_the_file_and_that_before_the_default(
    run_gomq: RunGomq, file: Path, monkeypatch: pytest.MonkeyPatch
):
    file.write_text('flush = "never"\npartitions = 2\nlisten = ":1"\nlog_level = "error"\n')
    monkeypatch.setenv("GOMQ_CONFIG", str(file))
    monkeypatch.setenv("GOMQ_PARTITIONS", "3")
    monkeypatch.setenv("GOMQ_LISTEN", ":2")

    settings = shown(run_gomq, "--listen", "A://:3", "--listen", "B://:4")

    assert settings["listen"] == ("A://:3,B://:4", "flag", "--listen")
    assert settings["partitions"] == ("3", "environment", "GOMQ_PARTITIONS")
    assert settings["flush"] == ("never", "file", f"{file}:1")
    assert settings["log_level"] == ("error", "file", f"{file}:4")
    assert settings["data"] == ("gomq-data", "default", None)


def test_people_get_a_table(run_gomq: RunGomq):
    ran = run_gomq("config", "show", "--no-auto-create", "--log-retention-ms", "1000")

    lines = [line.split() for line in ran.out.decode().splitlines()]
    assert lines[0] == ["NAME", "VALUE", "SOURCE"]
    assert ["auto_create", "false", "flag", "--auto-create"] in lines
    assert ["log.retention.ms", "1000", "flag", "--log-retention-ms"] in lines
    assert ["advertise", "-", "default"] in lines


def test_every_setting_has_an_option_and_a_variable(run_gomq: RunGomq, monkeypatch: pytest.MonkeyPatch):
    out = run_gomq("config", "show", "--format", "json").out
    entries = {entry["name"]: entry for entry in map(json.loads, out.splitlines())}
    for name in ("log.cleaner.min.cleanable.ratio", "fetch.max.bytes", "stop_timeout", "log.cleanup.policy"):
        value = {"log.cleaner.min.cleanable.ratio": "0.25", "log.cleanup.policy": "compact"}.get(name, "5000")
        assert shown(run_gomq, entries[name]["option"], value)[name][:2] == (value, "flag")
        monkeypatch.setenv(entries[name]["variable"], value)
        assert shown(run_gomq)[name][:2] == (value, "environment")


def test_uvloop_is_a_backend(run_gomq: RunGomq, monkeypatch: pytest.MonkeyPatch):
    assert shown(run_gomq, "--uvloop")["backend"] == ("uvloop", "flag", "--uvloop")
    monkeypatch.setenv("GOMQ_BACKEND", "asyncio")
    assert shown(run_gomq, "--uvloop")["backend"] == ("uvloop", "flag", "--uvloop")

    ran = run_gomq("serve", "--uvloop", "--backend", "trio")
    assert ran.code == 2
    assert "leave --backend trio out, or --uvloop" in ran.err


def test_settings_that_do_not_go_together_are_told_here_too(run_gomq: RunGomq):
    ran = run_gomq("config", "show", "--advertise", "OTHER://x:1")

    assert (ran.code, ran.out) == (1, b"")
    assert ran.err == "gomq: OTHER is advertised, but the listeners are PLAINTEXT\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--partitions", "20000"), "partitions must be 1 to 10000, not 20000"),
        (
            ("--log-cleaner-min-compaction-lag-ms", "10", "--log-cleaner-max-compaction-lag-ms", "5"),
            "log.cleaner.max.compaction.lag.ms must be at least 1 and log.cleaner.min.compaction.lag.ms, not 5",
        ),
    ],
)
def test_settings_that_do_not_go_together_are_named_as_they_were_given(
    run_gomq: RunGomq, arguments: tuple[str, ...], message: str
):
    ran = run_gomq("config", "show", *arguments)

    assert (ran.code, ran.err) == (1, f"gomq: {message}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--flush", "sometimes"), "must be always, interval or never, not 'sometimes'"),
        (("--partitions", "0"), "must be a whole number from 1 to 2147483647, not '0'"),
        (("--listen", "127.0.0.1"), "must be HOST:PORT or NAME://HOST:PORT"),
        (("--log-retention-ms", "week"), "must be an integer from -1 to 9223372036854775807, not 'week'"),
        (("--log-retention", "1"), "No such option"),
    ],
)
def test_a_wrong_flag_is_wrong_usage(run_gomq: RunGomq, arguments: tuple[str, ...], message: str):
    for command in (("serve",), ("config", "show")):
        ran = run_gomq(*command, *arguments)
        assert ran.code == 2
        assert message in ran.err


def test_the_file_has_our_names_and_kafkas_and_tables_group_them(file: Path):
    file.write_text(
        'listen = ["A://:1", "B://:2"]\n'
        "flush-interval = 0.5\n"
        '"gomq.first.request.timeout.ms" = 1500\n'
        "[log]\n"
        "retention.ms = 60000\n"
        'cleanup.policy = ["compact", "delete"]\n'
        "[log.cleaner]\n"
        "backoff.ms = 250\n"
        "[auto.create]\n"
        "topics.enable = false\n"
    )

    assert {found.setting.field: (found.value, found.line) for found in read_config_file(file)} == {
        "listen": ("A://:1,B://:2", 1),
        "flush_interval": (0.5, 2),
        "first_request_timeout": (1.5, 3),
        "log.retention_ms": (60000, 5),
        "log.cleanup_policy": (CleanupPolicy.COMPACT | CleanupPolicy.DELETE, 6),
        "compaction_interval": (0.25, 8),
        "auto_create_topics": (False, 10),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('flsh = "never"', ":1: there is no setting 'flsh'; did you mean flush?"),
        ("\n[log]\nretention.mss = 5", ":3: there is no setting 'log.retention.mss'; did you mean log.retention.ms?"),
        ("qqqqq = 1", ":1: there is no setting 'qqqqq'; `gomq config docs` lists all that there are"),
        ("partitions = 0", ":1: partitions must be a whole number from 1 to 2147483647, not the number 0"),
        ('partitions = "3"', ":1: partitions must be a whole number from 1 to 2147483647, not the text '3'"),
        ("partitions = true", ":1: partitions must be a whole number from 1 to 2147483647, not the boolean true"),
        ("auto_create = 1", ":1: auto_create must be true or false, not the number 1"),
        ("flush_interval = nan", ":1: flush_interval must be a number of seconds from 0.001 on, not the number nan"),
        ("listen = [1]", ":1: listen must be HOST:PORT or NAME://HOST:PORT"),
        ("data = 2026-01-01", ":1: data must be a path, not the date 2026-01-01"),
        ("[partitions]", ":1: partitions must be a whole number from 1 to 2147483647, not the table {}"),
        ("partitions = 1\nnum.partitions = 1", ":2: num.partitions: partitions is given twice"),
        ("flush = \n", ": not TOML: Invalid value (at line 1, column 9)"),
        ("a = 1\na = 2\n", ": not TOML: Cannot overwrite a value (at line 2, column 6)"),
        (
            "max.connections = 1\nmax.connections.per.ip = 1\n",
            'put the longer name in quotes: "max.connections.per.ip" = 10',
        ),
    ],
)
def test_each_mistake_in_the_file_is_one_line(run_gomq: RunGomq, file: Path, text: str, message: str):
    file.write_text(text)

    ran = run_gomq("config", "show", "--config", str(file))

    assert (ran.code, ran.out) == (1, b"")
    (line,) = ran.err.splitlines()
    assert line.startswith(f"gomq: {file}")
    assert message in line


def test_all_mistakes_are_told_at_once(run_gomq: RunGomq, file: Path):
    file.write_text("one = 1\ntwo = 2\npartitions = -1\n")

    ran = run_gomq("serve", "--config", str(file))

    assert ran.code == 1
    assert [line.partition(": ")[2].split(":")[1] for line in ran.err.splitlines()] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file or directory"),
        (b"\xff\xfe", "it is not UTF-8"),
        (b"#" * ((1 << 20) + 1), "it is larger than 1048576 bytes"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(run_gomq: RunGomq, file: Path, content: bytes | None, reason: str):
    if content is not None:
        file.write_bytes(content)

    assert run_gomq("config", "show", "-c", str(file)).err == f"gomq: config file {file}: {reason}\n"


@given(st.text(max_size=200))
def test_no_text_makes_reading_the_file_fail_otherwise(tmp_path_factory: pytest.TempPathFactory, text: str):
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(text.encode(errors="replace"))
    try:
        found = read_config_file(path)
    except ConfigurationError as error:
        assert all(line.startswith(str(path)) for line in str(error).splitlines())  # noqa: PT017 - any text may be right
    else:
        assert len(found) <= len(text)


def test_the_documentation_is_printed(run_gomq: RunGomq):
    ran = run_gomq("config", "docs")

    assert ran.out.startswith(b"# Settings\n")
    assert b"### log.retention.ms\n" in ran.out
