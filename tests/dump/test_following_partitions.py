"""Following all partitions that there are: those that come later, that go and come again, and what does not grow."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gomq_dump.cli import main
from gomq_dump.findings import Finding
from gomq_dump.reading.batches import Batch
from gomq_dump.reading.inspection import FileStart
from gomq_dump.reading.paths import UnusablePathError, collect
from gomq_dump.selecting.following import LOOK_EVERY, follow, growing
from gomq_dump.selecting.matching import BatchFilter
from gomq_dump.selecting.selected import PartitionLog, partition_logs
from gomq_dump.selecting.selection import Selection
from tests.dump.test_following import RECORDS_EACH, append, batch, batches, log_of
from tests.support.indexed_segments import write_segments

IS_NEW = "the partition is new, and is shown from its start"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_segments(tmp_path / "orders-0", [batches(0, 2)])
    return tmp_path


def logs_in(data: Path) -> list[PartitionLog]:
    return growing(partition_logs(collect(str(data))))


def shown(data: Path, selection: Selection, *steps: Callable[[], object]) -> Iterator[str | int]:
    """Follow a data directory, with each step once there is nothing to read and partitions are looked for next."""
    waiting = [each for step in steps for each in (*[None] * (LOOK_EVERY - 1), step)]

    def pause() -> None:
        step = waiting.pop(0)
        if step is not None:
            step()

    wanted = BatchFilter(selection, with_records=True)
    for item in follow(logs_in(data), selection, wanted, look=lambda: logs_in(data), pause=pause):
        if isinstance(item, FileStart):
            yield item.file.path.split("/")[-2]
        elif isinstance(item, Finding):
            yield item.message
        elif isinstance(item, Batch):
            yield item.header.base_offset // RECORDS_EACH


def test_a_partition_that_comes_later_is_shown_from_its_start(data: Path):
    selection = Selection(follow=True, tail=0, limit=4 * RECORDS_EACH)

    def go_on() -> None:
        append(log_of(data / "orders-0"), batch(2))
        append(log_of(data / "orders-1"), batch(2))

    items = list(shown(data, selection, lambda: write_segments(data / "orders-1", [batches(0, 2)]), go_on))

    assert items == ["orders-1", IS_NEW, 0, 1, "orders-0", 2, "orders-1", 2]


def test_a_partition_that_is_removed_and_made_again_is_shown_again(data: Path):
    write_segments(data / "payments-0", [batches(0, 1)])
    selection = Selection(follow=True, limit=4 * RECORDS_EACH)

    items = list(
        shown(
            data,
            selection,
            lambda: shutil.rmtree(data / "orders-0"),
            lambda: write_segments(data / "orders-0", [batches(0, 1)]),
        )
    )

    assert items == ["orders-0", 0, 1, "payments-0", 0, "orders-0", "the partition has been removed", IS_NEW, 0]


def test_what_was_followed_to_its_end_is_not_shown_again(data: Path):
    write_segments(data / "payments-0", [batches(0, 1)])
    selection = Selection(follow=True, to_offset=2 * RECORDS_EACH)

    items = list(shown(data, selection, lambda: None, lambda: append(log_of(data / "payments-0"), batch(1))))

    assert items == ["orders-0", 0, 1, "payments-0", 0, 1]


def test_the_first_metadata_of_kraft_beside_the_partitions_does_not_grow(data: Path):
    (data / "bootstrap.checkpoint").write_bytes(batch(0))

    assert [log.directory for log in logs_in(data)] == [str(data / "orders-0")]


@pytest.mark.parametrize("name", ["bootstrap.checkpoint", "00000000000000000000.log.deleted"])
def test_a_file_that_does_not_grow_is_not_followed(data: Path, name: str, capsys: pytest.CaptureFixture[str]):
    path = data / name
    path.write_bytes(batch(0))

    with pytest.raises(UnusablePathError):
        growing(partition_logs(collect(str(path))))

    assert main(["--follow", str(path)]) == 2
    assert capsys.readouterr() == ("", f"gomq-dump: {path}: does not grow any more: leave out --follow\n")


def test_new_partitions_are_looked_for_where_the_command_was_told_to(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    def sleep(_seconds: float) -> None:
        for name in ("a-1", "orders-1"):
            if not (data / name).exists():
                write_segments(data / name, [batches(0, 1)])

    monkeypatch.setattr("time.sleep", sleep)

    assert main(["--follow", "--data", str(data), "--limit", "9", "-f", "%t-%p %o\n", "orders"]) == 0
    output = capsys.readouterr()
    assert output.out.splitlines() == [f"orders-0 {offset}" for offset in range(6)] + [
        f"orders-1 {offset}" for offset in range(3)
    ]
    assert output.err.endswith(f"{IS_NEW}\n")
