"""Folders of partitions that go, come or belong to nobody: a data directory's reader is told of them."""

import json
import shutil
from pathlib import Path

import pytest

from gomq_dump.cli import main
from gomq_dump.reading.marked_folders import note_marked_folders
from tests.support.data_directory import write_data_directory

ID = "0123456789abcdef" * 2
MESSAGES = {
    f"orders-1.{ID}-delete": "no partition, but one that is about to be removed (-delete)",
    f"orders-1.{ID}-future": "no partition, but one that is on its way here from another data directory (-future)",
    f"orders-1.{ID}-stray": "no partition, but one that belongs to no topic (-stray)",
}
WHERE = "it is read where it is asked for by name"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    data = write_data_directory(tmp_path / "data")
    for name in MESSAGES:
        shutil.copytree(data / "orders-0", data / name)
    return data


def test_the_table_is_followed_by_a_note_of_each(data: Path, capsys: pytest.CaptureFixture[str]):
    assert main([str(data)]) == 0

    output = capsys.readouterr()
    assert len(output.out.splitlines()) == 4
    assert output.err.splitlines() == [
        f"note: {data}/{name}: byte 0: {message}: {WHERE}" for name, message in MESSAGES.items()
    ]


def test_json_has_a_finding_of_each(data: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["--format", "json", str(data)]) == 0

    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()][3:]
    assert [(each["type"], each["problem"], each["path"]) for each in found] == [
        ("finding", "leftover", f"{data}/{name}") for name in MESSAGES
    ]


def test_verify_notes_them_and_finds_them_sound_when_they_are_named(data: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["--verify", str(data)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].endswith("sound, 3 notes")

    assert main(["--verify", *(str(data / name) for name in MESSAGES)]) == 0
    assert capsys.readouterr().out.startswith("verified 3 partitions")


@pytest.mark.parametrize("name", ["orders-0-delete", f"orders.{ID}-delete", f"orders-0.{ID}-gone", f"orders-0.{ID}"])
def test_other_names_are_not_told_of(tmp_path: Path, name: str):
    (tmp_path / name).mkdir()

    assert note_marked_folders(str(tmp_path)) == []


def test_a_data_directory_that_has_gone_has_none(tmp_path: Path):
    assert note_marked_folders(str(tmp_path / "gone")) == []
