"""The file system of a test's broker: what is written is not synced, for no test cuts the power."""

from pathlib import Path

from gomq_storage.files import OsFile, OsFiles


class UnsyncedFile(OsFile):
    """A file whose content survives the process, and not the machine."""

    __slots__ = ()

    def sync(self) -> None:
        """Do nothing: to wait for the device is most of what a small test would do."""


class UnsyncedFiles(OsFiles):
    """The operating system's file system, and nothing in it is waited for."""

    def open(self, path: Path, *, create: bool = False) -> UnsyncedFile:
        """Give access to a file; ``create`` makes it now, otherwise it is opened when it is used."""
        file = UnsyncedFile(path, self._descriptors)
        if create:
            file.create()
        return file

    def sync_directory(self, path: Path) -> None:
        """Do nothing."""
