"""The places that tests of the file system seam run in."""

from pathlib import Path

import pytest

from gomq_storage.files import Files, OsFiles
from tests.support.memory_files import MemoryFiles


@pytest.fixture(params=["os", "os, one open", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Files, Path]:
    """A file system and an empty directory in it."""
    if request.param != "memory":
        return OsFiles(max_open=1 if "one" in request.param else None), tmp_path
    memory = MemoryFiles()
    return memory, memory.root
