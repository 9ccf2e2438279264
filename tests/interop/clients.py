"""What the tests of other people's clients share: a broker, what they send, and a look at the files it wrote."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from gomq_storage.record import NewRecord
from tests.support.dumping import as_json, as_text, findings_in, inspect, inspect_as_kafka, paths_of
from tests.support.kafka import dump_log_segments
from tests.support.segment_files import varied_records

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
MESSAGES = 10_000


class ServedBroker(NamedTuple):
    """A running ``gomq serve``."""

    address: str
    data: Path

    def partition(self, topic: str, index: int = 0) -> Path:
        """Where the broker keeps a partition."""
        return self.data / f"{topic}-{index}"


def records(count: int, *, null_headers: bool = True) -> list[NewRecord]:
    """Make records with and without keys, values and headers that every client takes: none is without both."""
    varied = [record for record in varied_records(2 * count) if record.key is not None or record.value is not None]
    return [
        record
        if null_headers
        else record._replace(headers=tuple((name, value or b"") for name, value in record.headers))
        for record in varied[:count]
    ]


def at_offsets(sent: Iterable[NewRecord], *, first: int = 0) -> list[tuple[int, NewRecord]]:
    """Number records the way the broker does."""
    return list(enumerate(sent, first))


def batches_in(partition: Path) -> list[dict[str, Any]]:
    """Read the headers of all batches of a partition, whose files must be sound."""
    return [each for each in as_json(sound_items(partition, records=False)) if each["type"] == "batch"]


def assert_compressed(partition: Path, codec: str) -> None:
    """Check that the batches of a partition are compressed, but for those that are shorter as they are."""
    codecs = {batch["codec"] for batch in batches_in(partition)}
    assert codec in codecs
    assert codecs <= {codec, "none"}


def records_in(partition: Path) -> list[dict[str, Any]]:
    """Read all records of a partition, whose files must be sound."""
    return [each for each in as_json(sound_items(partition)) if each["type"] == "record"]


def sound_items(partition: Path, *, records: bool = True) -> list[Any]:
    """Read all files of a partition with gomq-dump, which must find nothing wrong."""
    items = inspect(partition, records=records)
    assert findings_in(items) == []
    assert {Path(path).suffix for path in paths_of(items)} >= {".log", ".index", ".timeindex"}
    return items


def assert_kafka_prints_the_same(partition: Path) -> None:
    """Read all files of a partition with Apache Kafka's dump tool too."""
    sound_items(partition)
    items = inspect_as_kafka(partition, records=True)

    theirs = dump_log_segments(paths_of(items), records=True)

    assert (theirs.exit_code, theirs.complaints) == (0, [])
    assert as_text(items) == theirs.stdout
