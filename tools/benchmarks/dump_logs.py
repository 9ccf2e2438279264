"""Logs for the inspector to look at: one file each, written as fast as it goes, offsets stamped and indexes right."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from gomq_storage.batch import HEADER_SIZE
from gomq_storage.offset_index import ENTRY
from gomq_storage.record import NewRecord, build_batch, encode_records

PLAIN: Final = "100-byte values"
LARGE: Final = "1 KiB values"
OBJECTS: Final = "JSON with key and header"
_BASE_TIMESTAMP: Final = 1_767_225_600_000
_INDEX_INTERVAL_BYTES: Final = 4096
_VARIANTS: Final = 64
"""So many different batches follow one another."""


def _plain(number: int) -> NewRecord:
    return NewRecord(b"%020d" % number + b"x" * 80)


def _large(number: int) -> NewRecord:
    return NewRecord(b"%020d" % number + b"x" * 1004)


def _object(number: int) -> NewRecord:
    value = {"id": number, "customer": f"customer {number * 7}", "amount": number * 3.25, "note": "x" * (number % 90)}
    return NewRecord(json.dumps(value).encode(), b"%d" % number, (("trace", b"%016x" % (number * 7919)),))


KINDS: Final[dict[str, Callable[[int], NewRecord]]] = {PLAIN: _plain, LARGE: _large, OBJECTS: _object}


def write_records(directory: Path, kind: str, size: int, *, batch_bytes: int = 16 << 10) -> tuple[Path, int]:
    """Write one segment of records of a kind; return its log file and the number of records."""
    make = KINDS[kind]
    each = max(1, batch_bytes // len(encode_records([make(5000)], base_timestamp=0)))
    variants = []
    for number in range(_VARIANTS):
        time = _BASE_TIMESTAMP + number * 50
        records = [make(number * each + place)._replace(timestamp=time + place // 4) for place in range(each)]
        encoded = encode_records(records, base_timestamp=time)
        last = time + (each - 1) // 4
        variants.append(build_batch(encoded, record_count=each, base_timestamp=time, max_timestamp=last))
    return _write(directory, variants, each, size)


def write_batches(directory: Path, batch_bytes: int, size: int) -> Path:
    """Write one segment of batches of so many bytes, with one record each."""
    records = encode_records([NewRecord(bytes(batch_bytes - HEADER_SIZE - 16))], base_timestamp=_BASE_TIMESTAMP)
    batch = build_batch(records, record_count=1, base_timestamp=_BASE_TIMESTAMP, max_timestamp=_BASE_TIMESTAMP)
    return _write(directory, [batch], 1, size)[0]


def _write(directory: Path, variants: list[bytes], each: int, size: int) -> tuple[Path, int]:
    directory.mkdir(parents=True)
    log = directory / "00000000000000000000.log"
    index: list[bytes] = []
    offset = position = indexed = 0
    with log.open("wb") as file:
        for batch in _in_turn(variants):
            if position + len(batch) > size:
                break
            if position - indexed >= _INDEX_INTERVAL_BYTES:
                index.append(ENTRY.pack(offset + each - 1, position))
                indexed = position
            # Base offset and leader epoch are not covered by the CRC.
            file.write(offset.to_bytes(8, "big") + batch[8:12] + bytes(4))
            file.write(memoryview(batch)[16:])
            position += len(batch)
            offset += each
    log.with_suffix(".index").write_bytes(b"".join(index))
    return log, offset


def _in_turn(variants: list[bytes]) -> Iterator[bytes]:
    while True:
        yield from variants
