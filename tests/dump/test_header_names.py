"""Names of headers that are no UTF-8: shown, searched, verified, exported and imported again, and no damage."""

import json
from pathlib import Path

import pytest

from gomq_dump.cli import main
from gomq_storage.compression import Codec
from gomq_storage.record import NewRecord, encode_batch
from tests.support.sound_log import stamped

NAME = "a\udcff\udced\udca0\udc80"
"""Java makes two replacement characters of it, Python would make four."""
RECORDS = [
    NewRecord(b"plain", timestamp=5),
    NewRecord(b"poison", b"k", (("trace", b"1"), (NAME, b"\xff")), 6),
    NewRecord(b"behind", b"k", (("ü", None),), 7),
]
SHOWN = [
    [],
    [{"name": "trace", "value": "1"}, {"name_base64": "Yf/toIA=", "value_base64": "/w=="}],
    [{"name": "ü", "value": None}],
]


def partition(directory: Path, codec: Codec = Codec.NONE) -> Path:
    folder = directory / "orders-0"
    folder.mkdir(parents=True)
    (folder / "00000000000000000000.log").write_bytes(stamped(0, batch=encode_batch(RECORDS, now_ms=5, codec=codec)))
    return folder


def printed(capfdbinary: pytest.CaptureFixture[bytes], *arguments: str | Path) -> bytes:
    assert main([str(each) for each in arguments]) == 0
    out, err = capfdbinary.readouterr()
    assert b"damage" not in err
    assert b"cannot be read" not in err
    return out


def test_text_has_them_as_java_does(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    out = printed(capfdbinary, "--records", partition(tmp_path)).decode()

    assert "headerKeys: [trace,a\ufffd\ufffd] key: k payload: poison\n" in out
    assert "headerKeys: [ü] key: k payload: behind\n" in out


def test_json_has_their_bytes(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    out = printed(capfdbinary, "--records", "--format", "json", partition(tmp_path))

    records = [line for line in map(json.loads, out.splitlines()) if line["type"] == "record"]
    assert [record["headers"] for record in records] == SHOWN


def test_they_are_no_damage(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    folder = partition(tmp_path)

    assert b": sound, " in printed(capfdbinary, "--verify", "--deep", folder)
    assert b"poison" in printed(capfdbinary, "--records", "--grep", "poison", folder)
    assert printed(capfdbinary, "--stats", folder)


@pytest.mark.parametrize("codec", list(Codec))
def test_what_is_exported_and_imported_is_the_same_log(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], codec: Codec
) -> None:
    folder = partition(tmp_path / "from", codec)
    lines = tmp_path / "lines"
    lines.write_bytes(printed(capfdbinary, "export", folder))
    records = [line for line in map(json.loads, lines.read_bytes().splitlines()) if line["type"] == "record"]

    printed(capfdbinary, "import", lines, "--to", tmp_path / "orders-0")

    assert [record["headers"] for record in records] == SHOWN
    name = "00000000000000000000.log"
    assert (tmp_path / "orders-0" / name).read_bytes() == (folder / name).read_bytes()
