"""What the broker's tests share: a raw connection, and a disk whose syncs a test holds back or fails."""

import errno
import os
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import gomq
from gomq_storage.files import OsFile
from tests.support.wire import DEADLINE, Wire, connect


@pytest.fixture
async def wire(broker: gomq.Broker) -> AsyncIterator[Wire]:
    """A connection to the embedded broker."""
    async with connect(broker.address) as connection:
        yield connection


class Disk:
    """Stands in for the device: every sync of a log file goes through here."""

    def __init__(self) -> None:
        self.syncs = 0
        self.started = threading.Event()
        """Set once a sync is held back."""
        self.is_broken = False
        self._open = threading.Event()
        self._open.set()
        self._held = ""

    def hold(self, folder: str = "") -> None:
        """Let no sync end until ``release``, or none of a file in this folder."""
        self._held = folder
        self.started.clear()
        self._open.clear()

    def release(self) -> None:
        """Let all syncs go on."""
        self._open.set()

    def sync(self, path: Path) -> None:
        self.syncs += 1
        if self._held in {"", path.parent.name} and not self._open.is_set():
            self.started.set()
            assert self._open.wait(DEADLINE)
        if self.is_broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """The device under all log files; nothing is held back when the test ends."""
    device = Disk()
    monkeypatch.setattr(OsFile, "sync", lambda file: device.sync(file.path))
    yield device
    device.is_broken = False
    device.release()
