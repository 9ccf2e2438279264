"""``meta.properties``, which says whose a data directory is: sound is what ``--verify`` finds sound."""

from typing import Final

from gomq_dump.findings import Finding
from gomq_dump.reading.properties import walk_meta_properties

_DIRECTORY_ID: Final = b"directory.id"


class _Held:
    """A small file that was read already."""

    def __init__(self, content: bytes) -> None:
        self.size: int = len(content)
        self._content = content

    def view(self, position: int, size: int) -> memoryview:
        return memoryview(self._content)[position : position + size]


def mend_identity(content: bytes) -> bytes | None:
    """Return what the file must hold; None where it cannot be known whose directory it is.

    The directory's own id may be left out: Kafka makes a new one, and GoMQ does without (KIP-858).
    """
    if _is_sound(content):
        return content
    lines = content.splitlines(keepends=True)
    left = b"".join(line for line in lines if not line.lstrip().startswith(_DIRECTORY_ID))
    return left if _is_sound(left) else None


def _is_sound(content: bytes) -> bool:
    return not any(isinstance(item, Finding) for item in walk_meta_properties(_Held(content)))
