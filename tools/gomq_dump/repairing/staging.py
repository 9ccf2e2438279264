"""Write files so that they are on the device before anything depends on them."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from gomq_storage.files import File, Files

_CHUNK_BYTES: Final = 1 << 20
Progress = Callable[[int], object]


def write_synced(files: Files, path: Path, chunks: Iterable[bytes], progress: Progress = lambda _: None) -> None:
    """Write a file, in place of one of that name, and return once it is on the device; its name may not be."""
    file = files.open(path, create=True)
    try:
        file.truncate(0)
        position = 0
        for chunk in chunks:
            file.write(position, [chunk])
            position += len(chunk)
            progress(len(chunk))
        file.sync()
    except OSError as error:
        error.filename = error.filename or str(path)  # what fails on an open file does not say which it is
        raise
    finally:
        file.close()


def copy_synced(files: Files, source: Path, target: Path, progress: Progress = lambda _: None) -> None:
    """Copy a file, and return once the copy is on the device."""
    file = files.open(source)
    try:
        write_synced(files, target, chunks_of(file, 0, file.size()), progress)
    finally:
        file.close()


def chunks_of(file: File, position: int, size: int) -> Iterable[bytes]:
    """Yield a part of a file, a MiB at a time."""
    end = position + size
    while position < end and (chunk := file.read(position, min(_CHUNK_BYTES, end - position))):
        yield chunk
        position += len(chunk)


def ensure_directory(files: Files, path: Path) -> None:
    """Make a directory where there is none."""
    with suppress(FileExistsError):
        files.make_directory(path)


def remove_tree(files: Files, path: Path) -> None:
    """Remove a directory with all that is in it; one that is not there need not be removed."""
    if not files.exists(path):
        return
    sizes = files.sizes(path)
    for name in files.names(path):
        if name in sizes:
            files.remove(path / name)
        else:
            remove_tree(files, path / name)
    files.remove_directory(path)
