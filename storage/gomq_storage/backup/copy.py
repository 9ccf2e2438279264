"""Copies one file into a backup, checks it on the way, and has all of it on the device at the end."""

from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Final

from crc32c import crc32c

from gomq_storage.backup.check import PassingBatches
from gomq_storage.backup.files import BackupFiles, SourceFile
from gomq_storage.backup.manifest import Damage, Manifest, StoredFile
from gomq_storage.errors import CorruptBatchError
from gomq_storage.files import File
from gomq_storage.layout import LOG_SUFFIX, parse_segment_file_name

_CHUNK_BYTES: Final = 1 << 20


class Copier:
    """Fills the directory of a new backup.

    Args:
        files: the file system.
        source: the data directory.
        target: the new backup's directory.
        previous: the backup before, whose files are taken where they are still the same, and where it is.
        on_progress: told how many bytes are done with since the last time.
    """

    def __init__(
        self,
        files: BackupFiles,
        source: Path,
        target: Path,
        *,
        previous: tuple[Path, Manifest] | None,
        on_progress: Callable[[int], object],
    ) -> None:
        self.files = files
        self.source = source
        self.target = target
        self.stored: dict[PurePosixPath, StoredFile] = {}
        self.damaged: dict[PurePosixPath, Damage] = {}
        self.copied_bytes: int = 0
        self.linked_bytes: int = 0
        """Of files that were taken from the backup before."""
        self._previous = previous
        self._unsynced: set[PurePosixPath] = set()
        self._linked: set[PurePosixPath] = set()
        self._folders: dict[PurePosixPath, set[PurePosixPath]] = {}
        """What is in each: there may be thousands, and each is looked at by itself."""
        self._on_progress = on_progress

    def copy(self, path: PurePosixPath, *, is_sealed: bool = False) -> StoredFile:
        """Copy a file as it is now; one that was copied already only if it has changed.

        A log file whose last batch is not whole yet is cut in front of it; one that is damaged is copied as it is.

        Args:
            path: the file.
            is_sealed: whether nothing is written to it any more, so that a last batch that is not whole is damage.

        Raises:
            FileNotFoundError: it is not there, or not any more.
            OSError: it cannot be read, or the copy not be written.
        """
        with self.files.open_source(self.source / path) as file:
            known = self.stored.get(path)
            if known is not None and known.source == file.identity:
                return known
            self.forget(path)
            stored = self._take_over(path, file) or self._copy(path, file, is_sealed=is_sealed)
        self._store(stored)
        return stored

    def stored_in(self, folder: PurePosixPath) -> list[PurePosixPath]:
        """List the files that a folder of the backup has."""
        return list(self._folders.get(folder, ()))

    def write(self, path: PurePosixPath, content: bytes) -> None:
        """Put a file of the backup's own into it."""
        self.forget(path)
        file = self.files.open(self.target / path, create=True)
        try:
            file.write(0, [content])
        finally:
            file.close()
        self._unsynced.add(path)
        self._store(StoredFile(path=path, size=len(content), crc=crc32c(content), source=None))

    def extend(self, path: PurePosixPath, more: bytes, *, end_offset: int) -> None:
        """Put batches of the backup's own behind a log file that was copied; the backup before keeps its own."""
        if path in self._linked and self._previous is not None:
            self.forget(path)
            with self.files.open_source(self._previous[0] / path) as before:
                self._store(self._copy(path, before, is_sealed=False))
        stored = self.stored[path]
        file = self.files.open(self.target / path)
        try:
            file.write(stored.size, [more])
        finally:
            file.close()
        self._unsynced.add(path)
        size, crc = stored.size + len(more), crc32c(more, stored.crc)
        self._store(StoredFile(path=path, size=size, crc=crc, source=None, end_offset=end_offset))

    def forget(self, path: PurePosixPath) -> None:
        """Take a file out of the backup again, if it is there."""
        if self.stored.pop(path, None) is not None:
            self._folders.get(path.parent, set()).discard(path)
            self.files.remove(self.target / path)
        self.damaged.pop(path, None)
        self._unsynced.discard(path)
        self._linked.discard(path)

    def enter(self, folder: PurePosixPath) -> None:
        """Make a folder of the backup, if it is not there."""
        if folder not in self._folders:
            self.files.make_directory(self.target / folder)
            self._folders[folder] = set()

    def remove_folder(self, folder: PurePosixPath) -> None:
        """Take a folder out of the backup again, with all that is in it, if it is there."""
        if folder not in self._folders:
            return
        for path in self.stored_in(folder):
            self.forget(path)
        self.files.remove_directory(self.target / folder)
        del self._folders[folder]

    def sync(self) -> None:
        """Make all that was copied outlive a power cut.

        At the end, and not file by file: syncs take far longer than copying does, and what is copied must not change
        all the time meanwhile.
        """
        for path in sorted(self._unsynced):
            file = self.files.open(self.target / path)
            try:
                file.sync()
            finally:
                file.close()
        for folder in sorted(self._folders):
            self.files.sync_directory(self.target / folder)
        self.files.sync_directory(self.target)
        self._unsynced.clear()

    def _store(self, stored: StoredFile) -> None:
        self.stored[stored.path] = stored
        if (within := self._folders.get(stored.path.parent)) is not None:
            within.add(stored.path)

    def _take_over(self, path: PurePosixPath, file: SourceFile) -> StoredFile | None:
        """Take a file from the backup before, if it is of this one, and whole."""
        if self._previous is None:
            return None
        directory, manifest = self._previous
        known = manifest.files.get(path)
        if known is None or known.source != file.identity or known.size != file.identity.size:
            return None
        try:
            if self.files.size(directory / path) != known.size:
                return None
            if not self.files.link(directory / path, self.target / path):
                return None
        except FileNotFoundError:
            return None
        self._linked.add(path)
        self.linked_bytes += known.size
        self._on_progress(known.size)
        self.damaged.update({each.path: each for each in manifest.damaged if each.path == path})
        return known

    def _copy(self, path: PurePosixPath, file: SourceFile, *, is_sealed: bool) -> StoredFile:
        segment = parse_segment_file_name(path.name)
        is_log = segment is not None and segment[1] == LOG_SUFFIX
        batches = PassingBatches(segment[0]) if is_log and segment is not None else None
        copy = self.files.open(self.target / path, create=True)
        try:
            size, crc = self._pass(file, copy, batches)
            if batches is not None and batches.problem is None and batches.end < size:
                if is_sealed:
                    batches.problem = CorruptBatchError("the file ends within a batch", position=batches.end)
                else:
                    copy.truncate(batches.end)  # the batch behind it is being written
                    size, crc = batches.end, _crc(copy, batches.end)
        finally:
            copy.close()
        self._unsynced.add(path)
        if batches is not None and batches.problem is not None:
            problem = batches.problem
            self.damaged[path] = Damage(path=path, position=problem.position, reason=problem.reason)
        end_offset = None if batches is None else batches.next_offset
        return StoredFile(path=path, size=size, crc=crc, source=file.identity, end_offset=end_offset)

    def _pass(self, file: SourceFile, copy: File, batches: PassingBatches | None) -> tuple[int, int]:
        """Copy as much as the file had when it was opened; return how much that is, and its CRC."""
        position = crc = 0
        while data := file.read(position, min(_CHUNK_BYTES, file.identity.size - position)):
            if batches is not None:
                batches.feed(data)
            copy.write(position, [data])
            crc = crc32c(data, crc)
            position += len(data)
            self.copied_bytes += len(data)
            self._on_progress(len(data))
        return position, crc


def _crc(file: File, size: int) -> int:
    crc = 0
    for position in range(0, size, _CHUNK_BYTES):
        crc = crc32c(file.read(position, min(_CHUNK_BYTES, size - position)), crc)
    return crc
