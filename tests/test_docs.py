"""What docs/ says is what the code does: settings, commands, events, names."""

import inspect
import re
from pathlib import Path
from typing import Any

import gomq
from documentation import commands
from gomq.cli.config.command import markdown
from gomq.client.delivering.settings import DeliveryOptions
from tests.support.events import logged_events

DOCS = Path(__file__).resolve().parents[1] / "docs"


def test_every_setting_is_documented_as_it_is():
    written = (DOCS / "configuration.md").read_text()

    assert written == markdown(), "run `make docs`"


def test_every_command_is_documented_as_it_is():
    written = (DOCS / "commands.md").read_text()

    assert written == commands.markdown(), "run `make docs`"


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


OURS: dict[str, Any] = {"gomq": gomq, "producer": gomq.Producer, "consumer": gomq.Consumer, "admin": gomq.Admin}


def ours_in_the_migration_page() -> str:
    """The last column of its tables."""
    rows = (DOCS / "migration.md").read_text().splitlines()
    return "\n".join(row.rsplit("|", 2)[-2] for row in rows if row.startswith("| "))


def test_every_name_that_the_migration_page_gives_is_there():
    names = re.findall(r"\b(gomq|producer|consumer|admin)\.(\w+)", ours_in_the_migration_page())

    assert len(set(names)) > 20
    for owner, name in names:
        assert hasattr(OURS[owner], name), f"{owner}.{name}"


def test_every_argument_that_the_migration_page_gives_is_there():
    given = set(re.findall(r"\b(\w+)=", ours_in_the_migration_page()))

    methods = [member for kind in OURS.values() for _, member in inspect.getmembers(kind, inspect.isfunction)]
    known = {name for method in methods for name in inspect.signature(method).parameters}
    assert given <= known | DeliveryOptions.__annotations__.keys()
