"""Being a user without rights for a while, where the tests run as root; others need not be to be refused."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


@contextmanager
def folder_for_all() -> Iterator[Path]:
    """Make a folder that every user can get to, and all that is made in it meanwhile; pytest's are for one user."""
    before = os.umask(0o022)
    try:
        with tempfile.TemporaryDirectory() as made:
            Path(made).chmod(0o755)
            yield Path(made)
    finally:
        os.umask(before)


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
