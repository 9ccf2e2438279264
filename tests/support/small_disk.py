"""A small disk of its own: a tmpfs in a user namespace, so that nobody needs rights and nothing is left behind."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SECONDS = 10


class SmallDisk:
    """A file system with little room.

    Args:
        inside: where those see it who enter it.
        outside: where all others do.
        enter: the command to be put in front of a program that is to see it.
    """

    def __init__(self, inside: Path, outside: Path, enter: tuple[str, ...]) -> None:
        self.inside = inside
        self.enter = enter
        self._outside = outside
        self._filler = outside / "filler"

    @property
    def free_bytes(self) -> int:
        """How much room there is."""
        status = os.statvfs(self._outside)
        return status.f_bavail * status.f_frsize

    def fill(self) -> None:
        """Take all the room that is left."""
        with self._filler.open("wb") as filler:
            try:
                os.posix_fallocate(filler.fileno(), 0, self.free_bytes)
            except OSError:  # someone was faster; the rest is nearly nothing
                os.posix_fallocate(filler.fileno(), 0, max(self.free_bytes // 2, 1))

    def clear(self) -> None:
        """Give the room back."""
        self._filler.unlink(missing_ok=True)


@contextmanager
def small_disk(directory: Path, *, size: int) -> Iterator[SmallDisk | None]:
    """Mount one of so many bytes at a new folder of the directory until the block ends; None where that is refused."""
    mount_point = directory / "disk"
    mount_point.mkdir()
    script = f'mount -t tmpfs -o size={size} tmpfs "$0" && echo mounted && exec sleep infinity'
    command = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, str(mount_point))
    try:
        keeper = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError:
        yield None
        return
    assert keeper.stdout is not None
    try:
        if keeper.stdout.readline() == b"mounted\n":
            enter = ("nsenter", "--target", str(keeper.pid), "--user", "--mount", "--preserve-credentials", "--")
            yield SmallDisk(mount_point, Path(f"/proc/{keeper.pid}/root{mount_point}"), enter)
        else:
            yield None
    finally:
        keeper.kill()
        keeper.wait(_SECONDS)
        keeper.stdout.close()
