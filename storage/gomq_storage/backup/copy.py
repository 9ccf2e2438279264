"""Copies one file into a backup, checks it on the way, and has all of it on the device at the end."""

from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Final

from crc32c import crc32c

from gomq_storage.backup.check import PassingBatches
from gomq_storage.backup.files import BackupFiles, SourceFile
from gomq_storage.backup.manifest import Damage, Manifest, StoredFile
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
        self._folders: set[PurePosixPath] = set()
        self._on_progress = on_progress

    def copy(self, path: PurePosixPath) -> StoredFile:
        """Copy a file as it is now; one that was copied already only if it has changed.

        A log file whose last batch is not whole yet is cut in front of it; one that is damaged is copied as it is.

        Raises:
            FileNotFoundError: it is not there, or not any more.
            OSError: it cannot be read, or the copy not be written.
        """
        with self.files.open_source(self.source / path) as file:
            known = self.stored.get(path)
            if known is not None and known.source == file.identity:
                return known
            self.forget(path)
            stored = self._take_over(path, file) or self._copy(path, file)
        self.stored[path] = stored
        return stored

    def write(self, path: PurePosixPath, content: bytes) -> None:
        """Put a file of the backup's own into it."""
        self.forget(path)
        file = self.files.open(self.target / path, create=True)
        try:
            file.write(0, [content])
        finally:
            file.close()
        self._unsynced.add(path)
        self.stored[path] = StoredFile(path=path, size=len(content), crc=crc32c(content), source=None)

    def extend(self, path: PurePosixPath, more: bytes, *, end_offset: int) -> None:
        """Put batches of the backup's own behind a log file that was copied; the backup before keeps its own."""
        if path in self._linked and self._previous is not None:
            self.forget(path)
            with self.files.open_source(self._previous[0] / path) as before:
                self.stored[path] = self._copy(path, before)
        stored = self.stored[path]
        file = self.files.open(self.target / path)
        try:
            file.write(stored.size, [more])
        finally:
            file.close()
        self._unsynced.add(path)
        size, crc = stored.size + len(more), crc32c(more, stored.crc)
        self.stored[path] = StoredFile(path=path, size=size, crc=crc, source=None, end_offset=end_offset)

    def forget(self, path: PurePosixPath) -> None:
        """Take a file out of the backup again, if it is there."""
        if self.stored.pop(path, None) is not None:
            self.files.remove(self.target / path)
        self.damaged.pop(path, None)
        self._unsynced.discard(path)
        self._linked.discard(path)

    def enter(self, folder: PurePosixPath) -> None:
        """Make a folder of the backup, if it is not there."""
        if folder not in self._folders:
            self.files.make_directory(self.target / folder)
            self._folders.add(folder)

    def remove_folder(self, folder: PurePosixPath) -> None:
        """Take a folder out of the backup again, with all that is in it, if it is there."""
        if folder not in self._folders:
            return
        for path in [each for each in self.stored if each.parent == folder]:
            self.forget(path)
        self.files.remove_directory(self.target / folder)
        self._folders.discard(folder)

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

    def _copy(self, path: PurePosixPath, file: SourceFile) -> StoredFile:
        segment = parse_segment_file_name(path.name)
        is_log = segment is not None and segment[1] == LOG_SUFFIX
        batches = PassingBatches(segment[0]) if is_log and segment is not None else None
        copy = self.files.open(self.target / path, create=True)
        try:
            size, crc = self._pass(file, copy, batches)
            if batches is not None and batches.problem is None and batches.end < size:
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
