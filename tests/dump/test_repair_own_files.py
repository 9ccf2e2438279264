"""What gomq-dump repair makes of a data directory's own files: what verify finds wrong does not pass for sound."""

import uuid
from pathlib import Path

import pytest

from gomq_dump.cli import main
from gomq_dump.repairing.identity import mend_identity
from gomq_storage.config import LogConfig
from gomq_storage.directory import LogDirectory
from gomq_storage.layout import TopicPartition
from tests.support.log_batches import numbered

CLUSTER = b"#\ncluster.id=R29NUSBpbnRlcm9wIHRlc3\n"
DIRECTORY = b"directory.id=Z8U5R7h8RPqK0t-liytUaQ\n"
NODE = b"node.id=1\nversion=1\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    directory = LogDirectory.open(tmp_path / "data")
    log = directory.create_log(TopicPartition("orders", 0), topic_id=uuid.uuid4(), config=LogConfig())
    log.append(numbered(0))
    directory.close({})
    return tmp_path / "data"


def repaired(data: Path, capsys: pytest.CaptureFixture[str]) -> tuple[Path, str]:
    """Repair a copy of a data directory; return it, and what was said."""
    new = data.with_name("new")
    assert main(["repair", str(data), "--to", str(new), "--execute"]) == 0
    return new, capsys.readouterr().out


def test_an_identity_of_its_own_that_cannot_be_is_left_out(data: Path, capsys: pytest.CaptureFixture[str]):
    (data / "meta.properties").write_bytes(CLUSTER + b"directory.id=Z8U5\x7f\n" + NODE)
    assert main(["--verify", str(data)]) == 1

    new, said = repaired(data, capsys)

    assert "mend    meta.properties: its directory.id cannot be, and is left out" in said
    assert (new / "meta.properties").read_bytes() == CLUSTER + NODE
    assert main(["--verify", str(new)]) == 0
    LogDirectory.open(new).close({})


def test_a_node_that_cannot_be_leaves_nobody_s_directory(data: Path, capsys: pytest.CaptureFixture[str]):
    (data / "meta.properties").write_bytes(CLUSTER + DIRECTORY + NODE.replace(b"=1", b"=\x7f1", 1))
    assert main(["--verify", str(data)]) == 1

    new, said = repaired(data, capsys)

    assert "remove  meta.properties: it does not say whose directory this is" in said
    assert main(["--verify", str(new)]) == 0
    LogDirectory.open(new).close({})


def test_a_damaged_bootstrap_checkpoint_is_told_of_and_stays(data: Path, capsys: pytest.CaptureFixture[str]):
    damaged = bytearray(numbered(0))
    damaged[-1] ^= 1
    (data / "bootstrap.checkpoint").write_bytes(damaged)

    new, said = repaired(data, capsys)

    assert "note    bootstrap.checkpoint: it is a snapshot of a cluster's metadata, damaged" in said
    assert said.endswith("is sound, but for what is noted\n")
    assert (new / "bootstrap.checkpoint").read_bytes() == damaged


@pytest.mark.parametrize(
    ("content", "mended"),
    [
        (CLUSTER + DIRECTORY + NODE, CLUSTER + DIRECTORY + NODE),
        (CLUSTER + NODE, CLUSTER + NODE),
        (b"version=0\nbroker.id=3\n", b"version=0\nbroker.id=3\n"),  # of Kafka before KRaft
        (CLUSTER + NODE + b"directory.id=", CLUSTER + NODE),
        (CLUSTER + DIRECTORY, None),
        (DIRECTORY + NODE, None),
        (b"", None),
        (b"\xff" * 10_000, None),
    ],
)
def test_what_says_whose_a_directory_is_stays_as_far_as_it_can_be(content: bytes, mended: bytes | None):
    assert mend_identity(content) == mended
