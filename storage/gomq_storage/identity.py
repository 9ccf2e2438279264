"""Whose data directory it is: ``meta.properties``. Kafka: ``MetaProperties``, ``MetaPropertiesEnsemble``, KIP-858.

#
cluster.id=<22 characters>
directory.id=<22 characters>
node.id=1
version=1
"""

import base64
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gomq_storage.errors import DirectoryUnusableError
from gomq_storage.files import Files, read_whole, write_atomically
from gomq_storage.layout import META_PROPERTIES_FILE_NAME

_SMALL_FILE_BYTES: Final = 64 << 10
_DIRECTORY_ID: Final = b"directory.id="


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryIdentity:
    """What ``meta.properties`` says."""

    cluster_id: str
    """22 characters: a UUID in unpadded URL-safe base64, as Kafka writes it."""
    node_id: int
    directory_id: str | None
    """Tells it from others of the same cluster and node, such as one that was restored; None where nothing does."""


def encode_uuid(value: uuid.UUID) -> str:
    """Write a UUID the way Kafka does: unpadded URL-safe base64."""
    return base64.urlsafe_b64encode(value.bytes).rstrip(b"=").decode()


def read_or_write_identity(files: Files, path: Path, node_id: int | None) -> DirectoryIdentity:
    """Find out whose directory it is, and refuse another node's, as Kafka does: ``MetaPropertiesEnsemble.verify``.

    Args:
        files: the file system.
        path: the directory.
        node_id: whose it must be; None: anybody's. Where nothing says whose it is, it becomes that one's, or node 1's.

    Raises:
        DirectoryUnusableError: it is another node's, or what says whose it is cannot be understood.
        OSError: it cannot be read or written.
    """
    wanted = 1 if node_id is None else node_id
    if not files.exists(path / META_PROPERTIES_FILE_NAME):
        return _write_identity(files, path, wanted)
    identity = _read_identity(files, path, wanted)
    if node_id not in {None, identity.node_id}:
        raise DirectoryUnusableError(path, f"it belongs to the broker with node.id {identity.node_id}, not {node_id}")
    return identity


def read_identity(files: Files, path: Path) -> DirectoryIdentity:
    """Find out whose directory it is, and change nothing.

    Raises:
        DirectoryUnusableError: what says so cannot be understood.
        OSError: it is not there, or cannot be read.
    """
    return _read_identity(files, path, 1)


def renew_directory_id(files: Files, path: Path) -> None:
    """Make a copy of a directory another one than that: of the same cluster and node, under an id of its own.

    Raises:
        OSError: it cannot be read or written.
    """
    target = path / META_PROPERTIES_FILE_NAME
    lines = read_whole(files, target, max_bytes=_SMALL_FILE_BYTES).splitlines()
    kept = [line for line in lines if not line.startswith(_DIRECTORY_ID)]
    kept.append(_DIRECTORY_ID + encode_uuid(uuid.uuid4()).encode())
    write_atomically(files, target, b"".join(line + b"\n" for line in kept))


def _write_identity(files: Files, path: Path, node_id: int) -> DirectoryIdentity:
    cluster_id, directory_id = encode_uuid(uuid.uuid4()), encode_uuid(uuid.uuid4())
    lines = f"#\ncluster.id={cluster_id}\ndirectory.id={directory_id}\nnode.id={node_id}\nversion=1\n"
    write_atomically(files, path / META_PROPERTIES_FILE_NAME, lines.encode())
    return DirectoryIdentity(cluster_id=cluster_id, node_id=node_id, directory_id=directory_id)


def _read_identity(files: Files, path: Path, default_node_id: int) -> DirectoryIdentity:
    target = path / META_PROPERTIES_FILE_NAME
    text = read_whole(files, target, max_bytes=_SMALL_FILE_BYTES).decode(errors="replace")
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    if values.get("version") != "1" or "cluster.id" not in values:
        raise DirectoryUnusableError(path, f"{META_PROPERTIES_FILE_NAME} is damaged or of an unknown version")
    with suppress(ValueError):
        node_id = int(values.get("node.id", default_node_id))
        return DirectoryIdentity(
            cluster_id=values["cluster.id"], node_id=node_id, directory_id=values.get("directory.id")
        )
    raise DirectoryUnusableError(path, f"{META_PROPERTIES_FILE_NAME} names the node {values['node.id']!r}")
