"""What the tests of backups share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.backing_up import (
    Serving,
)


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    (tmp_path / "backups").mkdir()
    found = Serving(tmp_path / "data")
    try:
        yield found
    finally:
        found.close()
