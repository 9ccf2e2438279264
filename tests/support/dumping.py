"""Run gomq-dump inside the test's process and see what it said."""

import io
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gomq_dump.findings import Finding
from gomq_dump.reading.batches import Batch, LogWalk
from gomq_dump.reading.indexes import OffsetEntry, TimeEntry, walk_offset_index, walk_time_index
from gomq_dump.reading.inspection import FileStart, Inspection, Item
from gomq_dump.reading.paths import collect
from gomq_dump.reading.reader import ByteReader
from gomq_dump.rendering.json_objects import JsonRenderer
from gomq_dump.rendering.text import TextRenderer


def inspect(path: str | Path, *, records: bool = False) -> list[Item]:
    """Read all files that a path stands for."""
    inspection = Inspection(with_records=records)
    return [item for file in collect(str(path)) for item in inspection.read(file)]


def inspect_as_kafka(path: str | Path, *, records: bool = False) -> list[Item]:
    """Read those files that a path stands for of which Kafka's tool says something; of others it ends."""
    inspection = Inspection(with_records=records)
    files = [file for file in collect(str(path)) if file.suffix.startswith(".") and not file.is_named_only]
    return [item for file in files for item in inspection.read(file)]


def paths_of(items: Iterable[Item]) -> list[str]:
    """List the files that were read, in order."""
    return [item.file.path for item in items if isinstance(item, FileStart)]


def findings_in(items: Iterable[Item]) -> list[Finding]:
    return [item for item in items if isinstance(item, Finding)]


def problems(items: Iterable[Item]) -> list[str]:
    """Name what was found, in order."""
    return [finding.problem.value for finding in findings_in(items)]


def as_text(items: Iterable[Item], *, decode: str = "none") -> bytes:
    """Show items as text, without the findings."""
    out = io.BytesIO()
    renderer = TextRenderer(out, io.BytesIO(), decode=decode)
    for item in items:
        renderer.show(item)
    return out.getvalue()


def as_json(items: Iterable[Item]) -> list[dict[str, Any]]:
    """Show items as JSON lines, and read those back."""
    out = io.BytesIO()
    renderer = JsonRenderer(out)
    for item in items:
        renderer.show(item)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def walk_log(data: bytes, *, base_offset: int = 0, records: bool = False) -> list[Batch | Finding]:
    """Walk a log file that holds these bytes."""
    with _reader(data) as reader:
        return list(LogWalk(reader, base_offset, with_records=records))


def walk_index(data: bytes, *, base_offset: int = 0) -> list[OffsetEntry | Finding]:
    """Walk an offset index that holds these bytes, with no log to compare it with."""
    with _reader(data) as reader:
        return list(walk_offset_index(reader, base_offset))


def walk_times(data: bytes, *, base_offset: int = 0) -> list[TimeEntry | Finding]:
    """Walk a time index that holds these bytes, with no log to compare it with."""
    with _reader(data) as reader:
        return list(walk_time_index(reader, base_offset))


@contextmanager
def _reader(data: bytes) -> Iterator[ByteReader]:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        with ByteReader(os.dup(file.fileno())) as reader:
            yield reader
