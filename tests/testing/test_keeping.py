"""Copies of what a failed test leaves."""

from pathlib import Path

import pytest

from gomq.testing.keeping import keep


@pytest.fixture
def left(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    (data / "orders-0").mkdir(parents=True)
    (data / "orders-0" / "0.log").write_bytes(b"messages")
    (data / ".lock").touch()
    return data


def test_each_copy_has_a_name_of_its_own_and_all_but_the_lock(left: Path, tmp_path: Path):
    kept = tmp_path / "a" / "b"

    said = [keep(left, kept, "test_it") for _ in range(2)]

    assert sorted(path.name for path in kept.iterdir()) == ["test_it", "test_it-2"]
    assert f"gomq-dump {kept / 'test_it-2'}" in said[1]
    assert [path.name for path in (kept / "test_it").iterdir()] == ["orders-0"]
    assert (kept / "test_it" / "orders-0" / "0.log").read_bytes() == b"messages"


def test_what_cannot_be_kept_is_said_and_does_not_fail(left: Path, tmp_path: Path):
    (tmp_path / "taken").touch()

    assert keep(left, tmp_path / "taken", "test_it").startswith("not kept: ")
