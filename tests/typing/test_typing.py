"""Users' programs are typed: mypy takes right ones as strictly as it can, and finds the mistake in each wrong line."""

import re
from pathlib import Path

import pytest
from mypy import api

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".mypy_cache" / "user"
"""Of its own: it would take mypy half a minute to fill it each time."""
STRICT = "[mypy]\nstrict = True\nwarn_unreachable = True\nenable_error_code = unused-awaitable\n"


def complaints(program: Path) -> dict[int, str]:
    """What mypy says, by lines."""
    config = program.with_suffix(".ini")
    config.write_text(STRICT)
    said, trouble, _ = api.run(["--cache-dir", str(CACHE), "--config-file", str(config), str(program)])
    assert not trouble
    assert "prevented further checking" not in said, said
    found: dict[int, str] = {}
    for line in said.splitlines():
        # where nothing has changed since, mypy says again what it said of the same program in another folder
        if (match := re.match(rf".*{re.escape(program.name)}:(\d+): (?:error|note): (.*)", line)) is not None:
            found[int(match[1])] = f"{found.get(int(match[1]), '')} {match[2]}"
    return found


@pytest.mark.timeout(150)
def test_right_programs_are_taken(tmp_path: Path):
    program = tmp_path / "accepted.py"
    program.write_text((HERE / "accepted.py").read_text())

    assert complaints(program) == {}


@pytest.mark.timeout(150)
def test_each_mistake_is_found_and_nothing_else(tmp_path: Path):
    text = (HERE / "rejected.txt").read_text()
    program = tmp_path / "rejected.py"
    program.write_text(text)
    found = complaints(program)

    wanted = {
        number: line.partition("# says: ")[2]
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(r"\S.*# says: ", line) and not line.startswith("#")
    }
    assert len(wanted) > 10
    assert found.keys() == wanted.keys()
    assert [(number, found[number]) for number, words in wanted.items() if words not in found[number]] == []
