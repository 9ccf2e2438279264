"""What the broker's tests share: a raw connection, and a disk whose syncs a test holds back or fails."""

import errno
import os
import threading
from collections.abc import AsyncIterator, Iterator

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

    def hold(self) -> None:
        """Let no sync end until ``release``."""
        self.started.clear()
        self._open.clear()

    def release(self) -> None:
        """Let all syncs go on."""
        self._open.set()

    def sync(self) -> None:
        self.syncs += 1
        if not self._open.is_set():
            self.started.set()
            assert self._open.wait(DEADLINE)
        if self.is_broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """The device under all log files; nothing is held back when the test ends."""
    device = Disk()
    monkeypatch.setattr(OsFile, "sync", lambda _: device.sync())
    yield device
    device.is_broken = False
    device.release()
