"""A partition's files laid out by hand: offsets with gaps, times that go back and forth, an index entry a batch."""

import struct
from collections.abc import Sequence
from pathlib import Path

from gomq_storage.batch import read_header
from gomq_storage.compression import Codec
from gomq_storage.layout import segment_file_name
from gomq_storage.record import NewRecord, build_batch, encode_records
from tests.support.transactional import marker

FIRST_MS = 1_700_000_000_000


def gapped_batches(count: int, *, first_offset: int = 0) -> list[bytes]:
    """Make batches with keys and headers; behind every fifth, offsets are missing, and every ninth is a marker."""
    batches: list[bytes] = []
    offset = first_offset
    for number in range(count):
        if number % 9 == 8:
            batch = bytearray(marker(7, 1))
            batch[:8] = offset.to_bytes(8, "big")
            batches.append(bytes(batch))
            offset += 3
            continue
        size = 1 + number % 6
        time = FIRST_MS + 1000 * number - (4000 if number % 7 == 3 else 0)
        records = [
            NewRecord(
                None if place == 3 else b"value %d of %d" % (place, number),
                (None, b"a", b"b", b"c" * 20)[(number + place) % 4],
                (("trace", b"t%d" % (number % 3)),) if place % 2 else (),
                time + place,
            )
            for place in range(size)
        ]
        batches.append(
            build_batch(
                encode_records(records, base_timestamp=time),
                record_count=size,
                base_timestamp=time,
                max_timestamp=time + size - 1,
                codec=Codec.LZ4 if number % 4 == 1 else Codec.NONE,
                base_offset=offset,
                leader_epoch=0,
            )
        )
        offset += size + (5 if number % 5 == 0 else 0)
    return batches


def write_segments(directory: Path, segments: Sequence[Sequence[bytes]]) -> Path:
    """Write segments with indexes; each is named after its first batch."""
    directory.mkdir(parents=True, exist_ok=True)
    for batches in segments:
        base = read_header(batches[0]).base_offset
        position, largest = 0, -1
        offsets, times = [], []
        for batch in batches:
            header = read_header(batch)
            if position:
                offsets.append(struct.pack(">II", header.last_offset - base, position))
            if header.max_timestamp > largest:
                largest = header.max_timestamp
                times.append(struct.pack(">qI", largest, header.last_offset - base))
            position += len(batch)
        (directory / segment_file_name(base)).write_bytes(b"".join(batches))
        (directory / segment_file_name(base, ".index")).write_bytes(b"".join(offsets))
        (directory / segment_file_name(base, ".timeindex")).write_bytes(b"".join(times))
    return directory
