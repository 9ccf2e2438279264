"""What a backup holds: ``manifest.json``, written last, so that a directory without one is no backup.

    {"version": 1, "created_ms": 1764151200000, "cluster_id": "...", "directory_id": "...", "node_id": 1,
     "files": [{"path": "orders-0/00000000000000000000.log", "size": 65536, "crc32c": 305419896, "end_offset": 1200,
                "source": [1234, 1764151100000000000, 65536]}, ...],
     "damaged": [{"path": "orders-0/...", "position": 4711, "reason": "..."}]}

``source`` is the copied file's inode, time of change in nanoseconds, and size: the next backup takes a file that is
still the same from this one. ``end_offset`` is there for log files: the offset behind their last whole batch.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final

from gomq_storage.backup.files import FileIdentity
from gomq_storage.errors import CorruptFileError
from gomq_storage.layout import MAX_OFFSET

MANIFEST_FILE_NAME: Final = "manifest.json"
MAX_MANIFEST_BYTES: Final = 1 << 30
"""A larger one is not read: some five million files."""
_VERSION: Final = 1
_NAME: Final = re.compile(r"(?!\.{1,2}$)[a-zA-Z0-9._-]{1,255}")
_MAX_CRC: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file of a backup."""

    path: PurePosixPath
    """Within the data directory; a name, or a folder's and a name."""
    size: int
    crc: int
    """CRC-32C of its content."""
    source: FileIdentity | None
    """The file that it was copied from; None where the backup wrote it itself."""
    end_offset: int | None = None
    """Of a log file: the offset behind its last whole batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """A log file that is damaged, and was copied as it is."""

    path: PurePosixPath
    position: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What is in a backup."""

    created_ms: int
    cluster_id: str
    node_id: int
    directory_id: str | None = None
    """Of the directory that was copied; None where it has none."""
    files: Mapping[PurePosixPath, StoredFile] = field(default_factory=dict)
    damaged: tuple[Damage, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(each.size for each in self.files.values())


def encode_manifest(manifest: Manifest) -> bytes:
    """Write a manifest."""
    fields = {
        "version": _VERSION,
        "created_ms": manifest.created_ms,
        "cluster_id": manifest.cluster_id,
        "directory_id": manifest.directory_id,
        "node_id": manifest.node_id,
        "files": [_file_fields(each) for _, each in sorted(manifest.files.items())],
        "damaged": [
            {"path": str(each.path), "position": each.position, "reason": each.reason} for each in manifest.damaged
        ],
    }
    return json.dumps(fields, indent=1).encode()


def decode_manifest(content: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        CorruptFileError: it is none; of one that is, each path stays within the backup.
    """
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise CorruptFileError("not JSON") from error
    version = fields.get("version") if isinstance(fields, dict) else None
    if type(version) is int and version > _VERSION:
        raise CorruptFileError(f"it is of version {version}, which a newer GoMQ has written and can read")
    if version != _VERSION:
        raise CorruptFileError("not the manifest of a backup")
    try:
        files = [_file(each) for each in fields["files"]]
        return Manifest(
            created_ms=_number(fields["created_ms"]),
            cluster_id=str(fields["cluster_id"]),
            node_id=_number(fields["node_id"]),
            directory_id=None if (known := fields.get("directory_id")) is None else str(known),
            files={each.path: each for each in files},
            damaged=tuple(
                Damage(path=_path(each["path"]), position=_number(each["position"]), reason=str(each["reason"]))
                for each in fields["damaged"]
            ),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptFileError(f"not the manifest of a backup: {error!r}") from error


def _file_fields(file: StoredFile) -> dict[str, Any]:
    fields: dict[str, Any] = {"path": str(file.path), "size": file.size, "crc32c": file.crc}
    if file.end_offset is not None:
        fields["end_offset"] = file.end_offset
    if file.source is not None:
        fields["source"] = list(file.source)
    return fields


def _file(fields: Mapping[str, Any]) -> StoredFile:
    source, end_offset = fields.get("source"), fields.get("end_offset")
    return StoredFile(
        path=_path(fields["path"]),
        size=_number(fields["size"]),
        crc=_number(fields["crc32c"], most=_MAX_CRC),
        source=None if source is None else FileIdentity(*map(_number, source)),
        end_offset=None if end_offset is None else _number(end_offset),
    )


def _path(text: object) -> PurePosixPath:
    """Take a name, or a folder's and a name; nothing that leads out of the backup."""
    names = text.split("/") if isinstance(text, str) else []
    if not 1 <= len(names) <= 2 or not all(_NAME.fullmatch(name) for name in names):
        raise ValueError(f"{text!r} is no path of a data directory")
    return PurePosixPath(*names)


def _number(value: object, *, most: int = MAX_OFFSET) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(f"{value!r} is no number that can be there")
    return value
