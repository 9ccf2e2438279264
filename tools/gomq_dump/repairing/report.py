"""Show what a repair does, or would do: lines that a person reads, or JSON lines."""

from typing import Any, BinaryIO

from gomq_dump.rendering.json_lines import line
from gomq_dump.repairing.edits import Action, Deed


class Report:
    """Writes one line for each deed, and one at the end.

    Args:
        out: where to.
        is_json: whether as JSON.
    """

    def __init__(self, out: BinaryIO, *, is_json: bool) -> None:
        self._out = out
        self._is_json = is_json

    def show(self, action: Action) -> None:
        """Show one deed."""
        if self._is_json:
            self._out.write(line(action_fields(action)))
        else:
            self._write(action_line(action))

    def close(self, text: str, **fields: object) -> None:
        """Say how it ended.

        Args:
            text: for a person.
            fields: for a program.
        """
        if self._is_json:
            self._out.write(line({"type": "repair", **fields}))
        else:
            self._write(text)

    def _write(self, text: str) -> None:
        self._out.write(text.encode(errors="replace") + b"\n")


def action_fields(action: Action) -> dict[str, Any]:
    """Make the object of a deed."""
    return {
        "type": "repair_action",
        "action": action.deed.value,
        "path": action.path,
        "position": action.position,
        "size": action.size,
        "first_offset": action.first_offset,
        "last_offset": action.last_offset,
        "record_count": action.records,
        "reason": action.reason,
        "kept_in": action.aside,
    }


def action_line(action: Action) -> str:
    """Say what a deed is in one line."""
    parts = [f"{action.deed.value:<8}{action.path}"]
    if action.position is not None:
        size = f"{action.size} bytes " if action.size is not None and action.deed is not Deed.MEND else ""
        parts.append(f": {size}at byte {action.position}")
    if action.first_offset is not None:
        last = f"to {action.last_offset}" if action.last_offset is not None else "and what followed"
        parts.append(f", offsets {action.first_offset} {last}")
    if action.records is not None:
        parts.append(f", {action.records} records")
    parts.append(f": {action.reason}")
    if action.aside is not None:
        parts.append(f"; kept in {action.aside}")
    return "".join(parts)
