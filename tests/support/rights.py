"""Being a user without rights for a while, where the tests run as root; others need not be to be refused."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


def let_all_reach(path: Path) -> None:
    """Let every user get to what is below the temporary folder: pytest makes some of its folders for one user only."""
    top = Path(tempfile.gettempdir()).resolve()
    for parent in path.resolve().parents:
        if parent.is_relative_to(top) and parent != top:
            parent.chmod(0o755)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Give up the rights of root until the block ends."""
    is_root = os.geteuid() == 0
    if is_root:
        os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        if is_root:
            os.setresuid(0, 0, 0)
