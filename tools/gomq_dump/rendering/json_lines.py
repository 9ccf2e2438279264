"""Write objects as JSON lines, for what is shown by none of the renderers: findings of many files, sums and tables."""

import json
from collections.abc import Mapping
from typing import Any

from gomq_dump.findings import Finding
from gomq_dump.rendering.json_objects import finding_fields

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def line(fields: Mapping[str, Any]) -> bytes:
    """Write one object."""
    return _encode(fields).encode() + b"\n"


def finding_line(path: str, finding: Finding) -> bytes:
    """Write a finding and the file that it is about."""
    return line(finding_fields(shown_path(path), finding))


def shown_path(path: str) -> str:
    """Make text of a path; what is no text in it is replaced."""
    return path.encode(errors="surrogateescape").decode(errors="replace")
