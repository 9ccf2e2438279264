"""Write objects as JSON lines: the one way in which every command does it."""

import json
from collections.abc import Mapping
from typing import Any, Final

_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def line(fields: Mapping[str, Any]) -> bytes:
    """Write one object; what cannot be UTF-8 in it is replaced."""
    return _encode(fields).encode(errors="replace") + b"\n"


def shown_path(path: str) -> str:
    """Make text of a path; what is no text in it is replaced."""
    return path.encode(errors="surrogateescape").decode(errors="replace")
