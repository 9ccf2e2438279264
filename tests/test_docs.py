"""What docs/ says is what the code does: settings, events, metrics."""

import re
from pathlib import Path

from gomq.cli.config import markdown
from tests.support.events import logged_events

DOCS = Path(__file__).resolve().parents[1] / "docs"


def test_every_setting_is_documented_as_it_is():
    written = (DOCS / "configuration.md").read_text()

    assert written == markdown(), "run `gomq config docs > docs/configuration.md`"


def documented_events() -> dict[str, set[str]]:
    text = (DOCS / "operations.md").read_text()
    rows = re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \| ([a-z, ]+) \|", text, re.MULTILINE)
    assert len(rows) == len(dict(rows)), "each once"
    return {event: set(levels.split(", ")) for event, levels in rows}


def test_every_event_is_documented_with_its_level():
    documented, logged = documented_events(), logged_events()

    assert sorted(documented) == sorted(logged)
    for event, levels in logged.items():
        assert {"error" if level == "exception" else level for level in levels} <= documented[event], event
