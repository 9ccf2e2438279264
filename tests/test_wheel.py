"""What is uploaded is what users get: the wheel holds the three packages and nothing that is only ours."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import gomq

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-build-isolation", "--wheel-dir", str(target), str(REPOSITORY)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = target.iterdir()
    return built


def test_it_holds_the_three_packages_and_their_licence(wheel: Path):
    names = zipfile.ZipFile(wheel).namelist()

    assert {name.partition("/")[0] for name in names} == {
        "gomq", "gomq_storage", "gomq_dump", f"gomq-{gomq.__version__}.dist-info",
    }  # fmt: skip
    assert {"gomq/py.typed", "gomq_storage/py.typed", "gomq_dump/py.typed"} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)


@pytest.mark.parametrize("command", [("gomq.cli.main", "demo"), ("gomq_dump.cli", "--help")])
def test_its_commands_run_without_the_source_tree(wheel: Path, command: tuple[str, str], tmp_path: Path):
    """From inside of the wheel, so that a module which only the tree has is missed."""
    module, argument = command
    script = (
        f"import sys; sys.path.insert(0, {str(wheel)!r});"
        f"from {module} import main; assert {str(wheel)!r} in main.__code__.co_filename;"
        f"sys.exit(main([{argument!r}] + sys.argv[1:]))"
    )
    files = [__file__] if argument == "demo" else []

    ran = subprocess.run(
        [sys.executable, "-P", "-c", script, *files], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert ran.returncode == 0, ran.stderr
