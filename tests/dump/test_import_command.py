"""The commands gomq-dump export and gomq-dump import: lines written by hand, bad ones, what a broker makes of them."""

import io
import json
import os
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

import gomq
from gomq_dump.cli import main
from gomq_dump.importing.batches import UnfinishedBatchError
from gomq_dump.importing.lines import LineError, read_line
from gomq_dump.importing.target import Target
from gomq_storage.errors import StorageError
from gomq_storage.producer_snapshot import decode_snapshot
from tests.dump.test_export_and_import import OPTIONS
from tests.support.memory_files import MemoryFiles
from tests.support.segment_files import write_partition, write_varied_partition
from tests.support.transactional import ABORT, marker, part_of

LINES = """\
{"value": "first", "key": "a", "headers": {"trace": "1"}, "timestamp": 1700000000000}
{"value": "second", "topic": "bills", "partition": 1}

{"type": "record", "value": null, "key_base64": "/wA=", "headers": [{"name": "n", "value": null}]}
{"value": "tenth", "offset": 9}
"""


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def tree(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


async def test_a_broker_serves_what_was_written_by_hand(tmp_path: Path) -> None:
    file, data = write(tmp_path / "lines.jsonl", LINES), tmp_path / "data"
    assert main(["import", file, "--to", str(data), "--topic", "orders"]) == 0
    assert main(["--verify", str(data)]) == 0

    async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker:
        async with gomq.Consumer(broker.address, "orders", replay=True) as consumer:
            found = await consumer.take(3)
            assert [(each.offset, each.key, each.value) for each in found] == [
                (0, b"a", b"first"),
                (1, b"\xff\x00", None),
                (9, None, b"tenth"),
            ]
            assert dict(found[0].headers) == {"trace": b"1"}
            assert found[0].timestamp == 1_700_000_000_000
        async with gomq.Consumer(broker.address, "bills", replay=True) as consumer:
            (message,) = await consumer.take(1)
            assert (message.partition, message.value) == (1, b"second")
        async with gomq.Producer(broker.address) as producer:
            assert (await producer.publish("orders", b"next")).offset == 10


async def test_a_whole_data_directory_is_exported_and_served_again(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    async with gomq.Broker(data=tmp_path / "data", listen="127.0.0.1:0") as broker:
        async with gomq.Admin(broker.address) as admin:
            await admin.create_topic("orders", partitions=2, configs={"segment.bytes": "1048576"})
        async with gomq.Producer(broker.address) as producer:
            for number in range(20):
                await producer.publish("orders", b"%d" % number, partition=number % 2)
    assert main(["export", str(tmp_path / "data")]) == 0
    (tmp_path / "lines").write_bytes(capsysbinary.readouterr().out)
    assert main(["import", str(tmp_path / "lines"), "--to", str(tmp_path / "copy")]) == 0
    capsysbinary.readouterr()
    assert main(["export", str(tmp_path / "copy")]) == 0
    assert capsysbinary.readouterr().out == (tmp_path / "lines").read_bytes()

    async with (
        gomq.Broker(data=tmp_path / "copy", listen="127.0.0.1:0") as broker,
        gomq.Consumer(broker.address, "orders", replay=True) as consumer,
    ):
        found = await consumer.take(20)
        assert sorted(int(each.value or b"") for each in found) == list(range(20))


def test_a_partition_comes_back_file_by_file(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    partition = write_varied_partition(tmp_path / "orders-0")
    assert main(["export", str(partition)]) == 0
    (tmp_path / "lines").write_bytes(capsysbinary.readouterr().out)
    (tmp_path / "copy").mkdir()
    assert main(["import", str(tmp_path / "lines"), "--to", str(tmp_path / "copy" / "orders-0")]) == 0
    before, after = tree(partition), tree(tmp_path / "copy" / "orders-0")
    for name, content in after.items():
        assert content == before[name] or name.endswith("index")  # how dense those are is the topic's own
    assert main(["--verify", str(tmp_path / "copy" / "orders-0")]) == 0


def test_transactions_and_producers_are_known_again(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    batches = [part_of(9, b"a", b"b"), marker(9, ABORT), part_of(9, b"c", sequence=2)]
    partition = write_partition(tmp_path / "orders-0", batches)
    assert main(["export", str(partition)]) == 0
    (tmp_path / "lines").write_bytes(capsysbinary.readouterr().out)
    copy = tmp_path / "copy" / "orders-0"
    copy.parent.mkdir()
    assert main(["import", str(tmp_path / "lines"), "--to", str(copy)]) == 0
    assert (copy / "00000000000000000000.txnindex").read_bytes() == bytes.fromhex(
        "0000 0000000000000009 0000000000000000 0000000000000002 0000000000000003"
    )
    snapshot = "00000000000000000004.snapshot"
    (producer,) = decode_snapshot((copy / snapshot).read_bytes(), 4).active()
    assert (producer.producer_id, producer.last_sequence, producer.txn_first_offset) == (9, 2, 3)
    assert main(["--verify", str(copy)]) == 0


def test_what_the_dump_says_as_json_can_be_imported_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    partition = write_varied_partition(tmp_path / "orders-0")
    assert main(["--records", "--format", "json", str(partition)]) == 0
    file = write(tmp_path / "dumped", capsys.readouterr().out)
    assert main(["import", file, "--to", str(tmp_path / "data")]) == 0
    logs = [
        tmp_path / "data" / "orders-0" / name for name in tree(tmp_path / "data" / "orders-0") if name.endswith("log")
    ]
    assert b"".join(log.read_bytes() for log in sorted(logs)) == b"".join(
        log.read_bytes() for log in sorted(partition.glob("*.log"))
    )


def test_standard_input_and_a_summary_as_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"value": "x"}\n{"value": "y"}')))
    target = tmp_path / "data" / "orders-3"
    target.parent.mkdir()
    assert main(["import", "-", "--to", str(target), "--codec", "zstd", "--format", "json"]) == 0
    counts = {"partition_count": 1, "batch_count": 1, "record_count": 2}
    assert json.loads(capsys.readouterr().out) == {"type": "imported", "directory": str(target), **counts}
    assert main(["--format", "json", str(target)]) == 0
    assert '"codec":"zstd"' in capsys.readouterr().out


BATCH = '"type": "batch", "base_offset": 3, "last_offset": 4, "base_timestamp": 1, "max_timestamp": 1'
BAD_LINES = [
    ("nonsense", 1, "not a line of JSON"),
    ("[1]", 1, 'expected a JSON object such as {"value": "text"}: [1]'),
    ('{"key": "x"}', 1, 'field "value" is missing: expected a string, or null for a tombstone'),
    ('{"value": 3}', 1, 'field "value": expected a string or null, found 3'),
    ('{"value": "a"}\n{"value": "b", "offset": -1}', 2, 'field "offset": expected an integer from 0 to'),
    ('{"value": "a"}\n{"value": "b", "offset": 0}', 2, 'field "offset": expected at least 1'),
    ('{"value": "a", "offset": true}', 1, "found true"),
    ('{"value": "a", "timestamp": "yesterday"}', 1, 'field "timestamp": expected an integer'),
    ('{"value": "a", "time": 3}', 1, 'field "time": expected one of the fields headers, key, key_base64, offset'),
    ('{"value_base64": "a"}', 1, 'field "value_base64": expected base64, found "a"'),
    ('{"value": "a", "value_base64": "YQ=="}', 1, 'field "value": expected nothing beside value_base64'),
    ('{"value": "a", "value": "b"}', 1, 'field "value": expected to be there once'),
    ('{"value": "a", "headers": {"x": "1", "x": "2"}}', 1, 'field "x": expected to be there once (headers of one'),
    ('{"value": "\\ud800"}', 1, 'field "value": expected text that can be UTF-8'),
    ('{"value": "a", "headers": 3}', 1, 'field "headers": expected a list'),
    ('{"value": "a", "headers": [3]}', 1, 'field "headers": expected entries such as'),
    ('{"value": "a", "headers": [{"name": null}]}', 1, 'field "headers": expected entries such as'),
    ('{"value": "a", "headers": [{"name": 1}]}', 1, 'field "name": expected a string'),
    ('{"value": "a", "headers": [{"name_base64": "/"}]}', 1, 'field "name_base64": expected base64'),
    ('{"value": "a", "headers": [{"name": "a", "name_base64": ""}]}', 1, "expected nothing beside name_base64"),
    ('{"value": "a", "topic": "a/b"}', 1, 'field "topic": expected a topic\'s name'),
    ('{"value": "a", "topic": "bills"}', 1, 'field "topic": expected "orders", as the directory\'s name says'),
    ('{"value": "a", "partition": 1}', 1, 'field "partition": expected 0, as the directory\'s name says'),
    ('{"type": "what"}', 1, 'field "type": expected "record" or "batch", found "what"'),
    (f"{{{BATCH}}}", 1, 'field "record_count" is missing: expected an integer from 0 to 2'),
    (f'{{{BATCH}, "record_count": 3}}', 1, 'field "record_count": expected an integer from 0 to 2, found 3'),
    (f'{{{BATCH}, "record_count": 1, "codec": "rar"}}', 1, 'field "codec": expected "none" or "gzip"'),
    (f'{{{BATCH}, "record_count": 1, "timestamp_type": 3}}', 1, 'field "timestamp_type": expected "CreateTime"'),
    (f'{{{BATCH}, "record_count": 1, "timestamp_type": []}}', 1, 'field "timestamp_type": expected "CreateTime"'),
    (f'{{{BATCH}, "record_count": 1, "is_control": 1}}', 1, 'field "is_control": expected true or false'),
    (f'{{{BATCH}, "record_count": 1, "segment": 4}}', 1, 'field "segment": expected an integer from 0 to 3'),
    (f'{{{BATCH}, "record_count": 1, "attributes": 7}}\n{{"value": "a", "offset": 3}}', 2, "a codec from 0 to 4"),
    (
        f'{{{BATCH}, "record_count": 2}}\n{{"value": "a", "offset": 3}}',
        2,
        "has 1 records behind it, its record_count is 2",
    ),
    ('{"value": "a"}\n{"value": "b", "offset": 9000000000000000000}', 2, "at most 2147483648, as no more may be left"),
    (f'{{{BATCH}, "record_count": 1}}\n{{"value": "a", "offset": 5}}', 2, "an offset from 3 to 4, as its batch says"),
    (f'{{{BATCH}, "record_count": 0}}\n{{{BATCH}, "record_count": 0}}', 2, 'field "base_offset": expected at least 5'),
    ("", 1, "expected a line for a message, a batch or a segment, there is none"),
    ("\n\n", 3, "there is none"),
]


@pytest.mark.parametrize(
    ("text", "line", "complaint"), BAD_LINES, ids=[str(number) for number in range(len(BAD_LINES))]
)
def test_a_bad_line_is_named_and_nothing_is_left(
    text: str, line: int, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "lines", text)
    assert main(["import", file, "--to", str(tmp_path / "orders-0")]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"gomq-dump: {file}:{line}: ")
    assert complaint in err
    assert len(err.splitlines()) == 1
    assert os.listdir(tmp_path) == ["lines"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["{file}", "--to", "{path}"], "is there already and not empty"),
        (["{file}", "--to", "{path}/no/orders-0"], "is no directory; make it first"),
        (["{path}/nothing", "--to", "{path}/orders-0"], "nothing: No such file or directory"),
        (["{file}", "--to", "{path}/data"], 'field "topic" is missing: expected a topic\'s name, or --topic NAME'),
        (["{file}", "--to", "{path}/data", "--topic", "a/b"], "has characters other than"),
        (["{file}", "--to", "{path}/data", "--segment-bytes", "3"], "a number from 14 to"),
        (["{file}"], "required: --to"),
    ],
)
def test_what_cannot_be_done_exits_with_2_and_a_line_that_says_why(
    arguments: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "lines", '{"value": "a"}\n')
    assert main(["import", *(argument.format(file=file, path=tmp_path) for argument in arguments)]) == 2
    err = capsys.readouterr().err
    assert complaint in err
    assert "Traceback" not in err
    assert os.listdir(tmp_path) == ["lines"]


@pytest.mark.parametrize("command", ["export", "import"])
def test_help_has_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert f"Examples:\n  gomq-dump {command} " in capsys.readouterr().out


def test_an_import_is_there_as_a_whole_or_not_at_all_wherever_the_power_goes() -> None:
    def run(files: MemoryFiles) -> None:
        target = Target(files, files.root / "data", OPTIONS._replace(topic="orders", segment_bytes=100))
        for line in LINES.encode().splitlines():
            target.take(read_line(line))
        target.finish()

    sound = MemoryFiles()
    run(sound)
    partition = sound.root / "data" / "orders-0"
    whole = {name: content for name, content in sound.snapshot(partition).items() if name != "partition.metadata"}
    assert whole
    for call in range(0, sound.calls, 2):
        files = MemoryFiles()
        files.fail_call(call, forever=True)
        with pytest.raises((OSError, StorageError)):
            run(files)
        after = files.crash(seed=call)
        if after.exists(partition.parent):
            found = after.snapshot(partition)
            assert {name: content for name, content in found.items() if name != "partition.metadata"} == whole
        run(MemoryFiles() if after.exists(partition.parent) else after)


def test_a_link_is_no_place_for_a_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "lines", '{"value": "a"}\n')
    (tmp_path / "orders-0").symlink_to("nowhere")
    assert main(["import", file, "--to", str(tmp_path / "orders-0")]) == 2
    assert "orders-0 is a link or a mount point" in capsys.readouterr().err
    assert sorted(os.listdir(tmp_path)) == ["lines", "orders-0"]


def test_a_line_that_goes_on_for_ever_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr("gomq_dump.importing.cli.MAX_LINE_BYTES", 50)
    file = write(tmp_path / "lines", f'{{"value": "{"x" * 60}"}}\n')
    assert main(["import", file, "--to", str(tmp_path / "orders-0")]) == 2
    assert ":1: expected a line of at most 50 bytes, it is longer" in capsys.readouterr().err


def test_numbers_that_no_header_can_hold_are_refused() -> None:
    for value in (2**63, -(2**63) - 1, 1.5):
        with pytest.raises(LineError, match="base_timestamp"):
            read_line(json.dumps({**json.loads(f"{{{BATCH}}}"), "base_timestamp": value}).encode())


_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("YQ=="),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(("name", "value", "x")), inner, max_size=2)
    ),
    max_leaves=4,
)
_FIELDS = [
    *json.loads(f"{{{BATCH}}}"),
    *("topic", "partition", "segment", "record_count", "leader_epoch", "codec", "attributes", "timestamp_type"),
    *("delete_horizon_ms", "is_control", "records_base64", "offset", "timestamp", "producer_timestamp"),
    *("key", "key_base64", "value", "value_base64", "headers"),
]


@settings(max_examples=150, deadline=None)
@given(
    fields=st.dictionaries(st.sampled_from(_FIELDS), _anything, max_size=5),
    base=st.sampled_from(({"value": "x"}, json.loads(f'{{{BATCH}, "record_count": 1}}'))),
)
def test_whatever_a_line_says_it_is_read_or_refused(fields: dict[str, object], base: dict[str, object]) -> None:
    with suppress(LineError, UnfinishedBatchError):
        files = MemoryFiles()
        target = Target(files, files.root / "orders-0", OPTIONS)
        target.take(read_line(json.dumps(base | fields).encode()))
        target.take(read_line(b'{"value": "x", "offset": 4}'))
        target.finish()
