"""The events that the broker may log, found in its sources."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import gomq

_EVENT = re.compile(r"[a-z_]+\.[a-z_]+")


def logged_events() -> dict[str, set[str]]:
    """Name every event, and the levels at which it is logged; none where the level is worked out."""
    events: dict[str, set[str]] = {}
    for path in sorted(Path(gomq.__file__).parent.rglob("*.py")):
        tree = ast.parse(path.read_text())
        wrappers = {
            node.name
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and any(argument.arg == "event" for argument in node.args.args)
        }
        for level, event in _calls(tree, wrappers):
            events.setdefault(event, set()).update({level} - {""})
    return events


def _calls(tree: ast.Module, wrappers: set[str]) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        is_direct = isinstance(called, ast.Attribute) and getattr(called.value, "id", "") == "_log"
        if is_direct or name in wrappers:
            for event in _texts(node.args[0]):
                assert _EVENT.fullmatch(event), f"{event!r} is no name of an event"
                yield name if is_direct else "", event


def _texts(node: ast.expr) -> Iterator[str]:
    """The names that an argument may be: written out, so that whoever looks for one finds it."""
    if isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)
    elif isinstance(node, ast.Constant):
        assert isinstance(node.value, str)
        yield node.value
    else:
        assert isinstance(node, ast.Name), f"line {node.lineno}: the name of an event is not written out"
