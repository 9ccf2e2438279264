"""What the pages of docs/ show, to be run."""

import inspect
import re
import textwrap
from pathlib import Path
from typing import Any

import gomq

DOCS = Path(__file__).resolve().parents[2] / "docs"


def page(name: str) -> str:
    """Read a page."""
    return (DOCS / name).read_text()


def examples(text: str) -> list[str]:
    """Find what a page shows in Python."""
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def first_columns(text: str) -> dict[str, str]:
    """Read rows that begin with a name in code: the name, and what the next column says of it."""
    return dict(re.findall(r"^\| `([a-z_]+)` \| `?([^|`]+)`? \|", text, re.MULTILINE))


async def run_example(example: str, address: str, **names: Any) -> None:
    """Run an example, a whole program or not, with the broker at an address, and with these names.

    They take the place of those that a program has itself.
    """
    source, is_program, _ = example.replace("localhost:9092", address).partition("anyio.run(main)")
    space: dict[str, Any] = {"gomq": gomq}
    exec(source if is_program else f"async def main():\n{textwrap.indent(source, '    ')}", space)
    space.update(names)
    main = space["main"]
    assert inspect.iscoroutinefunction(main)
    await main()
