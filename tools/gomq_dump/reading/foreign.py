"""Say what a file is that is none of those that are read, by its name or its first bytes."""

from typing import Final

from gomq_storage.batch import MAGIC, MAGIC_POSITION, read_header
from gomq_storage.errors import CorruptBatchError

HEAD_BYTES: Final = 512
"""How much of a file is enough to tell."""
_SHOWN_BYTES: Final = 8
_SIGNATURES: Final = (
    (b"\x1f\x8b", "gzip data"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x28\xb5\x2f\xfd", "zstd data"),
    (b"\x04\x22\x4d\x18", "lz4 data"),
    (b"\x82SNAPPY\x00", "snappy data"),
    (b"\x7fELF", "a program"),
    (b"\x89PNG", "a PNG image"),
    (b"%PDF", "a PDF document"),
    (b"SQLite format 3", "an SQLite database"),
)
_KAFKA_SUFFIXES: Final = (
    (".snapshot", "a snapshot of producers by its name, which should be such as 00000000000000000042.snapshot"),
    (
        ".txnindex",
        "an index of aborted transactions by its name, which should be such as 00000000000000000042.txnindex",
    ),
    (
        ".checkpoint",
        "a snapshot of metadata by its name, which should be such as 00000000000000000042-0000000003.checkpoint",
    ),
    ("-checkpoint", "a checkpoint by its name, but none of those that Kafka has"),
    (".lock", "a lock that a broker holds while it runs"),
    (".kafka_cleanshutdown", "the mark that a broker stopped in order"),
    ("quorum-state", "the vote of KRaft's quorum, a line of JSON"),
)


def describe_file(name: str, head: bytes) -> str:
    """Say what a file is, going by its name and its first bytes."""
    for suffix, kind in _KAFKA_SUFFIXES:
        if name.endswith(suffix):
            return kind
    return describe_content(head)


def describe_content(head: bytes) -> str:
    """Say what a file is, going by its first bytes."""
    if not head:
        return "empty"
    if (base_offset := first_offset(head)) is not None:
        return f"record batches from offset {base_offset} on"
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if not head.strip(b"\0"):
        return "zeros"
    if _is_text(head):
        return "text"
    return f"data that starts with the bytes {head[:_SHOWN_BYTES].hex(' ')}"


def first_offset(head: bytes) -> int | None:
    """Return the base offset of the record batch that a file starts with, or None where there is none."""
    if len(head) <= MAGIC_POSITION or head[MAGIC_POSITION] != MAGIC:
        return None
    try:
        return read_header(head).base_offset
    except CorruptBatchError:
        return None


def _is_text(head: bytes) -> bool:
    # The last character may be cut off.
    text = head.decode(errors="replace").rstrip("\ufffd")
    return bool(text) and all(character.isprintable() or character in "\t\r\n\f" for character in text)
