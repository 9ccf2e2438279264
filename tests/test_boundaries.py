"""What the packages may know of each other, and what users import, as a machine sees it."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import gomq

REPOSITORY = Path(__file__).resolve().parents[1]


def test_imports_point_one_way():
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_the_public_names_are_there_and_few():
    assert sorted(gomq.__all__) == sorted(set(gomq.__all__))
    assert all(hasattr(gomq, name) for name in gomq.__all__)
    assert len(gomq.__all__) < 25


@pytest.mark.parametrize("package", ["gomq_storage.directory", "gomq_dump.cli"])
def test_the_log_and_the_inspector_run_without_an_event_loop(package: str):
    script = f"import sys, {package}; print(*sorted({{'anyio', 'asyncio', 'trio', 'gomq'}} & set(sys.modules)))"

    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert loaded.stdout.strip() == ""


@pytest.mark.parametrize("name", ["gomq", "gomq_storage", "gomq_dump"])
def test_every_package_says_that_it_is_typed(name: str):
    package = importlib.import_module(name)

    assert package.__file__ is not None
    assert (Path(package.__file__).parent / "py.typed").exists()


def test_a_users_program_type_checks(tmp_path: Path):
    """What comes behind an `async with` block must count as reachable, and a message's fields must be known."""
    program = tmp_path / "program.py"
    program.write_text(
        "import gomq\n\n\n"
        "async def main() -> bytes | None:\n"
        '    async with gomq.Producer("localhost:9092") as producer:\n'
        '        receipt = await producer.publish("orders", b"x", headers={"a": b"1"})\n'
        '    async with gomq.Consumer("localhost:9092", "orders", replay=True) as consumer:\n'
        "        async for message in consumer:\n"
        "            return message.value if message.offset == receipt.offset else message.key\n"
        "    return None\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--warn-unreachable", "--config-file=", str(program)]

    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_an_editor_is_told_the_names_and_a_misspelt_one_is_guessed_at():
    script = (
        "import gomq, gomq.broker, gomq.errors, gomq.testing\n"
        "assert all({*each.__all__} <= {*dir(each)} for each in (gomq, gomq.broker, gomq.errors, gomq.testing))\n"
        "print([name for name in dir(gomq) if name not in gomq.__all__])\n"
        "gomq.Prodcer"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert done.stdout.strip() == "['errors']"
    assert done.stderr.endswith("module 'gomq' has no attribute 'Prodcer'. Did you mean: 'Producer'?\n")
