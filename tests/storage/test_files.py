"""The file system seam: the real one and the one in memory pass the same tests."""

import errno
from pathlib import Path

import pytest

from gomq_storage.files import Files

Place = tuple[Files, Path]


def failure(error: type[OSError], number: int, path: Path) -> "pytest.RaisesExc[OSError]":
    """Expect an error of the operating system, with the path it is about."""
    return pytest.RaisesExc(error, check=lambda raised: (raised.errno, raised.filename) == (number, str(path)))


def test_what_is_written_is_read_wherever_it_is(place: Place):
    files, root = place
    file = files.open(root / "a", create=True)

    file.write(0, [b"one", bytearray(b"two"), memoryview(b"three")])
    file.write(3, [b"TWO"])

    assert file.size() == 11
    assert file.path == root / "a"
    assert file.read(0, 100) == b"oneTWOthree"
    assert (file.read(3, 3), file.read(6, 0), file.read(11, 5), file.read(50, 5)) == (b"TWO", b"", b"", b"")
    assert files.open(root / "a").read(0, 100) == b"oneTWOthree"


def test_a_write_behind_the_end_leaves_zeros_in_between(place: Place):
    files, root = place
    file = files.open(root / "a", create=True)

    file.write(4, [b"x"])
    file.write(9, [b""])

    assert file.read(0, 100) == b"\0\0\0\0x"


def test_a_file_is_cut_or_filled_with_zeros(place: Place):
    files, root = place
    file = files.open(root / "a", create=True)
    file.write(0, [b"abcdef"])

    file.truncate(2)
    assert (file.size(), file.read(0, 100)) == (2, b"ab")
    file.truncate(4)
    assert file.read(0, 100) == b"ab\0\0"
    file.sync()


def test_opening_makes_a_file_only_when_told_to(place: Place):
    files, root = place

    with failure(FileNotFoundError, errno.ENOENT, root / "a"):
        files.open(root / "a").size()
    assert files.names(root) == []
    files.open(root / "a", create=True).write(0, [b"kept"])

    assert files.open(root / "a", create=True).read(0, 9) == b"kept"


def test_a_file_is_looked_for_when_it_is_first_used(place: Place):
    files, root = place
    file = files.open(root / "a")

    for use in (
        file.size,
        file.sync,
        file.duplicate_descriptor,
        lambda: file.read(0, 1),
        lambda: file.write(0, [b"x"]),
    ):
        with failure(FileNotFoundError, errno.ENOENT, root / "a"):
            use()
    files.open(root / "a", create=True).write(0, [b"made meanwhile"])

    assert file.read(0, 4) == b"made"


def test_what_is_no_file_cannot_be_opened(place: Place):
    files, root = place
    files.make_directory(root / "d")
    files.open(root / "f", create=True)

    with failure(IsADirectoryError, errno.EISDIR, root / "d"):
        files.open(root / "d").read(0, 1)
    with failure(IsADirectoryError, errno.EISDIR, root / "d"):
        files.open(root / "d", create=True)
    with failure(NotADirectoryError, errno.ENOTDIR, root / "f" / "g"):
        files.open(root / "f" / "g", create=True)


def test_a_closed_file_is_of_no_use_and_closing_again_does_no_harm(place: Place):
    files, root = place
    file = files.open(root / "a", create=True)
    file.close()
    file.close()

    for use in (file.size, file.sync, lambda: file.read(0, 1), lambda: file.write(0, [b"x"]), lambda: file.truncate(0)):
        with failure(OSError, errno.EBADF, root / "a"):
            use()
    for use in (file.duplicate_descriptor, lambda: file.rename(root / "b")):
        with failure(OSError, errno.EBADF, root / "a"):
            use()
    assert files.names(root) == ["a"]


def test_a_file_that_was_closed_before_its_first_use_is_closed(place: Place):
    files, root = place
    files.open(root / "a", create=True)
    file = files.open(root / "a")
    file.close()

    with failure(OSError, errno.EBADF, root / "a"):
        file.size()


def test_sizes_are_those_of_files_and_only_of_that_directory(place: Place):
    files, root = place
    for name, size in (("b", 3), ("a", 0)):
        files.open(root / name, create=True).write(0, [bytes(size)])
    files.make_directory(root / "d")
    files.open(root / "d" / "inside", create=True).write(0, [b"12345"])

    assert files.sizes(root) == {"a": 0, "b": 3}
    assert (files.size(root / "b"), files.size(root / "d" / "inside")) == (3, 5)
    with failure(IsADirectoryError, errno.EISDIR, root / "d"):
        files.size(root / "d")
    with failure(FileNotFoundError, errno.ENOENT, root / "e"):
        files.size(root / "e")
    with failure(FileNotFoundError, errno.ENOENT, root / "e"):
        files.sizes(root / "e")
    with failure(NotADirectoryError, errno.ENOTDIR, root / "a"):
        files.sizes(root / "a")


def test_a_file_goes_on_under_the_name_it_is_renamed_to(place: Place):
    files, root = place
    file = files.open(root / "a", create=True)
    file.write(0, [b"mine"])
    file.rename(root / "b")
    files.open(root / "a", create=True).write(0, [b"another"])

    file.write(4, [b" still"])

    assert file.path == root / "b"
    assert files.open(root / "b").read(0, 99) == file.read(0, 99) == b"mine still"
    assert files.open(root / "a").read(0, 99) == b"another"


def test_a_file_that_was_not_used_yet_is_renamed_and_replaces_another(place: Place):
    files, root = place
    for name in ("a", "b"):
        files.open(root / name, create=True).write(0, [name.encode()])
    file = files.open(root / "a")

    file.rename(root / "b")

    assert files.names(root) == ["b"]
    assert file.read(0, 9) == b"a"
    file.close()


def test_a_file_that_cannot_be_renamed_keeps_its_name(place: Place):
    files, root = place
    file = files.open(root / "a", create=True)

    with pytest.raises(FileNotFoundError):
        files.open(root / "missing").rename(root / "b")
    with pytest.raises(FileNotFoundError):
        file.rename(root / "d" / "a")

    assert file.path == root / "a"
    assert files.names(root) == ["a"]
    assert file.size() == 0


def test_names_come_sorted_and_only_of_that_directory(place: Place):
    files, root = place
    for name in ("b", "a", ".c"):
        files.open(root / name, create=True)
    files.make_directory(root / "d")
    files.open(root / "d" / "inside", create=True)

    assert files.names(root) == [".c", "a", "b", "d"]
    assert files.names(root / "d") == ["inside"]
    assert (files.exists(root / "a"), files.exists(root / "d"), files.exists(root / "e")) == (True, True, False)
    assert not files.exists(root / "a" / "b")
    with failure(FileNotFoundError, errno.ENOENT, root / "e"):
        files.names(root / "e")
    with failure(NotADirectoryError, errno.ENOTDIR, root / "a"):
        files.names(root / "a")


def test_a_directory_is_made_once_in_a_parent_that_is_there(place: Place):
    files, root = place
    files.make_directory(root / "d")

    with failure(FileExistsError, errno.EEXIST, root / "d"):
        files.make_directory(root / "d")
    with failure(FileNotFoundError, errno.ENOENT, root / "e" / "f"):
        files.make_directory(root / "e" / "f")


def test_renaming_replaces_a_file_and_moves_a_directory_with_all_in_it(place: Place):
    files, root = place
    files.make_directory(root / "d")
    files.open(root / "d" / "f", create=True)
    files.open(root / "new", create=True).write(0, [b"new"])
    opened = files.open(root / "old", create=True)
    opened.write(0, [b"old"])

    files.rename(root / "new", root / "old")
    files.rename(root / "d", root / "e")

    assert files.names(root) == ["e", "old"]
    assert files.names(root / "e") == ["f"]
    assert opened.read(0, 9) == b"old", "who used the replaced file last keeps it"
    assert files.open(root / "old").read(0, 9) == b"new"
    with pytest.raises(FileNotFoundError):
        files.rename(root / "nothing", root / "f")


def test_a_removed_file_stays_with_whoever_used_it_last(place: Place):
    files, root = place
    opened = files.open(root / "a", create=True)
    opened.write(0, [b"data"])

    files.remove(root / "a")

    assert files.names(root) == []
    assert opened.read(0, 9) == b"data"
    with failure(FileNotFoundError, errno.ENOENT, root / "a"):
        files.remove(root / "a")


def test_only_an_empty_directory_is_removed(place: Place):
    files, root = place
    files.make_directory(root / "d")
    files.open(root / "d" / "f", create=True)

    with failure(OSError, errno.ENOTEMPTY, root / "d"):
        files.remove_directory(root / "d")
    files.remove(root / "d" / "f")
    files.remove_directory(root / "d")

    assert files.names(root) == []
    with failure(FileNotFoundError, errno.ENOENT, root / "d"):
        files.remove_directory(root / "d")


def test_a_directorys_names_can_be_synced(place: Place):
    files, root = place
    files.sync_directory(root)

    with failure(FileNotFoundError, errno.ENOENT, root / "d"):
        files.sync_directory(root / "d")
