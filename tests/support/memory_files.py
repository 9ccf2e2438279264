"""A file system in memory that loses what was not synced, and fails when it is told to.

What a power cut may leave, here as on a journaling file system:

- of a file's bytes: those of its last ``sync``, and of what was written since the first so many sectors of 512
  bytes; a file may have got its new size and not the bytes, which are zeros then. With ``reorder`` it is any of the
  sectors, as on a file system that does not write a growing file in order;
- of a directory's names: those of its last ``sync_directory``, and of what was made, renamed and removed since any
  part, a rename wholly or not at all. Syncing a file does not sync its name.

It passes the same tests as the real one: ``tests/storage/test_files.py``.
"""

import errno
import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from gomq_storage.batch import Buffer
from tests.support.memory_device import Directory, Node


def _error(number: int, path: Path) -> OSError:
    return OSError(number, os.strerror(number), str(path))


class MemoryFile:
    """One file, found by its path when it is first used, as the real one is opened then."""

    def __init__(self, files: "MemoryFiles", path: Path, node: Node | None) -> None:
        self._files = files
        self._path = path
        self._node = node
        self._is_closed = False

    @property
    def path(self) -> Path:
        return self._path

    def size(self) -> int:
        return len(self._open_node().data)

    def read(self, position: int, size: int) -> bytes:
        node = self._open_node()
        self._files.count("read", self._path)
        return bytes(node.data[position : position + size])

    def write(self, position: int, parts: Sequence[Buffer]) -> None:
        content = b"".join(parts)
        node = self._open_node()
        try:
            self._files.count("write", self._path)
        except OSError:
            _write(node, position, content[: self._files.written_when_failing(len(content))])
            raise
        _write(node, position, content)

    def truncate(self, size: int) -> None:
        data = self._open_node().data
        self._files.count("truncate", self._path)
        del data[size:]
        data.extend(bytes(size - len(data)))

    def sync(self) -> None:
        node = self._open_node()
        self._files.count("sync", self._path)
        node.synced = bytes(node.data)

    def duplicate_descriptor(self) -> int:
        """Return a descriptor of a copy: what is written later is not in it."""
        descriptor = os.memfd_create(self._path.name)
        os.write(descriptor, self._open_node().data)
        return descriptor

    def rename(self, target: Path) -> None:
        self._check_not_closed()
        self._files.rename(self._path, target)
        self._path = target

    def close(self) -> None:
        self._is_closed = True
        self._node = None

    def _open_node(self) -> Node:
        self._check_not_closed()
        if self._node is None:
            self._node = self._files.find_to_open(self._path)
        return self._node

    def _check_not_closed(self) -> None:
        if self._is_closed:
            raise _error(errno.EBADF, self._path)


def _write(node: Node, position: int, content: bytes) -> None:
    if content:
        node.data.extend(bytes(max(0, position - len(node.data))))
        node.data[position : position + len(content)] = content


class MemoryFiles:
    """A file system with one empty, synced directory in it.

    Args:
        root: the directory.
        seed: what is random (how much of a failing write gets through) is so with this seed.
    """

    def __init__(self, root: Path = Path("/memory"), *, seed: int = 0) -> None:
        self.root = root
        self.history: list[tuple[str, Path]] = []
        """Every call that may fail, in order: its name, and the path it was about."""
        self._random = random.Random(seed)
        self._tree = Directory()
        self._fault: Callable[[int, str, Path], OSError | None] | None = None

    @property
    def calls(self) -> int:
        """How many calls there were."""
        return len(self.history)

    def fail_when(self, fault: Callable[[int, str, Path], OSError | None] | None) -> None:
        """Ask ``fault`` at every call, with the call's number, name and path, for the error to raise; None stops it."""
        self._fault = fault

    def fail_call(self, number: int, *, error: int = errno.EIO, forever: bool = False) -> None:
        """Let the call of that number fail, counted from 0, and all behind it if ``forever``."""
        self.fail_when(
            lambda call, _, path: _error(error, path) if call == number or (forever and call > number) else None
        )

    def count(self, name: str, path: Path) -> None:
        """Take note of a call, and let it fail if that is wanted."""
        call = len(self.history)
        self.history.append((name, path))
        if self._fault is not None and (error := self._fault(call, name, path)) is not None:
            raise error

    def written_when_failing(self, size: int) -> int:
        """Choose how many bytes of a failing write get through."""
        return self._random.choice((0, size, self._random.randint(0, size)))

    def crash(self, seed: int = 0, *, reorder: bool = False) -> "MemoryFiles":
        """Cut the power: return the file system as it may be found afterwards, one of many by the seed."""
        after = MemoryFiles(self.root, seed=seed)
        after._tree = self._tree.after_power_cut(random.Random(seed), reorder=reorder)
        return after

    def content(self, path: Path) -> bytes:
        """Look at a file's bytes without calling anything."""
        return bytes(self._file(path).data)

    def put(self, path: Path, content: bytes) -> None:
        """Put a file on the device without calling anything."""
        directory = self._directory(path.parent)
        directory.entries[path.name] = directory.synced[path.name] = Node(bytearray(content), content)

    def snapshot(self, directory: Path) -> dict[str, bytes]:
        """Look at all files of a directory without calling anything."""
        entries = self._directory(directory).entries
        return {name: bytes(node.data) for name, node in sorted(entries.items()) if isinstance(node, Node)}

    def open(self, path: Path, *, create: bool = False) -> MemoryFile:
        return MemoryFile(self, path, self.find_to_open(path, create=True) if create else None)

    def find_to_open(self, path: Path, *, create: bool = False) -> Node:
        """Open a file: the call counts, and may fail, when this is done, which may be later than ``open``."""
        self.count("open", path)
        directory = self._directory(path.parent, about=path)
        if create and path.name not in directory.entries:
            directory.change({path.name: Node()})
        return self._file(path)

    def names(self, directory: Path) -> list[str]:
        self.count("names", directory)
        return sorted(self._directory(directory).entries)

    def size(self, path: Path) -> int:
        self.count("size", path)
        return len(self._file(path).data)

    def sizes(self, directory: Path) -> dict[str, int]:
        self.count("sizes", directory)
        entries = self._directory(directory).entries
        return {name: len(node.data) for name, node in entries.items() if isinstance(node, Node)}

    def exists(self, path: Path) -> bool:
        try:
            self._find(path)
        except OSError:
            return False
        return True

    def make_directory(self, path: Path) -> None:
        self.count("make_directory", path)
        parent = self._directory(path.parent, about=path)
        if path.name in parent.entries:
            raise _error(errno.EEXIST, path)
        parent.change({path.name: Directory()})

    def rename(self, source: Path, target: Path) -> None:
        self.count("rename", source)
        node = self._find(source)
        self._directory(target.parent, about=source)
        if source.parent != target.parent:
            raise _error(errno.EXDEV, target)  # the log never moves a file to another directory
        if source != target:
            self._directory(source.parent).change({source.name: None, target.name: node})

    def remove(self, path: Path) -> None:
        self.count("remove", path)
        self._file(path)
        self._directory(path.parent).change({path.name: None})

    def remove_directory(self, path: Path) -> None:
        self.count("remove_directory", path)
        if self._directory(path).entries:
            raise _error(errno.ENOTEMPTY, path)
        self._directory(path.parent).change({path.name: None})

    def sync_directory(self, path: Path) -> None:
        self.count("sync_directory", path)
        self._directory(path).sync()

    def _find(self, path: Path, *, about: Path | None = None) -> Node | Directory:
        node: Node | Directory = self._tree
        for part in path.relative_to(self.root).parts:
            if isinstance(node, Node):
                raise _error(errno.ENOTDIR, about or path)
            if part not in node.entries:
                raise _error(errno.ENOENT, about or path)
            node = node.entries[part]
        return node

    def _file(self, path: Path) -> Node:
        node = self._find(path)
        if isinstance(node, Directory):
            raise _error(errno.EISDIR, path)
        return node

    def _directory(self, path: Path, *, about: Path | None = None) -> Directory:
        node = self._find(path, about=about)
        if isinstance(node, Node):
            raise _error(errno.ENOTDIR, about or path)
        return node
