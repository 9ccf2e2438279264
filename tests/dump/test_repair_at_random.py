"""Whatever happens to a partition's files: once repaired it is sound, and nothing is lost that was not damaged."""

import random
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from gomq_dump.cli import main
from gomq_dump.repairing.copying import write_copy
from gomq_dump.repairing.directory import plan_directory
from gomq_storage.batch import check_batch, walk
from gomq_storage.config import LogConfig
from gomq_storage.files import OsFiles
from gomq_storage.log import Log
from tests.support.damaging import damage
from tests.support.log_batches import numbered, produced, whole_batches
from tests.support.transactional import ABORT, COMMIT, marker, part_of

SMALL = LogConfig(segment_bytes=1500, index_interval_bytes=300)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A partition of several segments with plain, idempotent and transactional batches, in two leader epochs."""
    directory = tmp_path_factory.mktemp("sound") / "orders-0"
    directory.mkdir()
    log = Log.open(directory, SMALL)
    for number in range(24):
        epoch = number // 9
        log.append(numbered(number), leader_epoch=epoch)
        log.append(
            produced([(1_700_000_000_000 + number, b"once")], producer_id=7, sequence=number), leader_epoch=epoch
        )
        if number % 4 == 0:
            log.append(part_of(9, b"a", b"b", sequence=number // 4 * 2), leader_epoch=epoch)
            log.append(marker(9, ABORT if number % 8 else COMMIT), leader_epoch=epoch)
    log.close()
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def repaired(files: dict[str, bytes], directory: Path) -> Path:
    """Write files into a partition's directory, and repair it into another."""
    source, target = directory / "orders-0", directory / "mended" / "orders-0"
    shutil.rmtree(directory, ignore_errors=True)
    source.mkdir(parents=True)
    target.parent.mkdir()
    for name, content in files.items():
        (source / name).write_bytes(content)
    plan = plan_directory(OsFiles(), source)
    write_copy(OsFiles(), plan, target, asides=directory / "damaged", progress=lambda _: None)
    assert {path.name: path.read_bytes() for path in source.iterdir()} == files
    return target


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), times=st.integers(1, 4))
def test_what_was_not_damaged_is_there_and_all_of_it_is_sound(
    sound: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory, seed: int, times: int
) -> None:
    damaged = damage(sound, random.Random(seed), times=times)
    target = repaired(damaged.files, tmp_path_factory.getbasetemp() / "random")

    found = {
        header.base_offset: raw[position : position + header.size]
        for raw in (path.read_bytes() for path in sorted(target.glob("*.log")))
        for position, header in walk(raw)
    }
    for batch in found.values():
        check_batch(batch)
    assert damaged.intact.items() <= found.items()
    assert main(["--verify", str(target)]) == 0
    log = Log.open(target, SMALL)
    assert {header.base_offset: raw for header, raw in whole_batches(log)} == found
    log.close()
