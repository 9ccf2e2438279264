"""What a backup holds, as text and back; what could lead out of it is not taken."""

import json
from pathlib import PurePosixPath
from typing import Any

import pytest

from gomq_storage.backup.files import FileIdentity
from gomq_storage.backup.manifest import Damage, Manifest, StoredFile, decode_manifest, encode_manifest
from gomq_storage.errors import CorruptFileError

LOG = PurePosixPath("orders-0/00000000000000000000.log")
MANIFEST = Manifest(
    created_ms=1,
    cluster_id="abc",
    node_id=1,
    directory_id="def",
    files={
        LOG: StoredFile(path=LOG, size=7, crc=9, source=FileIdentity(1, 2, 7), end_offset=3),
        PurePosixPath("meta.properties"): StoredFile(path=PurePosixPath("meta.properties"), size=1, crc=2, source=None),
    },
    damaged=(Damage(path=LOG, position=5, reason="CRC"),),
)


def with_file(**fields: Any) -> bytes:
    """Change a file's fields."""
    content = json.loads(encode_manifest(MANIFEST))
    content["files"][0] |= fields
    return json.dumps(content).encode()


def test_a_manifest_outlives_being_written_down():
    assert decode_manifest(encode_manifest(MANIFEST)) == MANIFEST
    assert MANIFEST.size == 8


@pytest.mark.parametrize(
    "path",
    ["../x", "a/../b", "/etc/passwd", "a/b/c", "", ".", "a/..", "a//b", "a\0b", "a\nb", 7, None, "x" * 256, "a/."],
)
def test_a_path_that_leads_elsewhere_is_refused(path: object):
    with pytest.raises(CorruptFileError):
        decode_manifest(with_file(path=path))


@pytest.mark.parametrize(
    "fields", [{"size": -1}, {"size": True}, {"size": 1 << 63}, {"crc32c": 1 << 32}, {"source": [1]}, {"size": "7"}]
)
def test_a_number_that_cannot_be_is_refused(fields: dict[str, Any]):
    with pytest.raises(CorruptFileError):
        decode_manifest(with_file(**fields))


def test_a_newer_manifest_says_what_can_read_it():
    with pytest.raises(CorruptFileError, match=r"of version 2, .* newer GoMQ"):
        decode_manifest(encode_manifest(MANIFEST).replace(b'"version": 1', b'"version": 2'))


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"version": 2}', b'{"version": 1}', b"[" * 100_000])
def test_what_is_no_manifest_is_refused(content: bytes):
    with pytest.raises(CorruptFileError):
        decode_manifest(content)
