"""Threads that use the same few descriptors: none is closed under a user, none is left open, none is lost."""

import os
import random
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest

from gomq_storage.descriptors import CachedDescriptor, DescriptorCache
from gomq_storage.files import OsFile
from tests.support.open_files import made, open_below


def shared_and_idle(file: OsFile) -> int:
    """Bring about that a second thread begins to use a file just when the first puts the descriptor back."""
    first, second = file.take(), file.take()
    file._cache.idle[file] = first  # the first did not see the second yet
    return second


def test_a_file_that_is_shared_just_when_it_is_put_back_is_not_closed(tmp_path: Path):
    a, b, c = made(tmp_path, 3, max_open=1)
    used = shared_and_idle(a)
    b.size()

    assert os.pread(used, 9, 0) == b"0"
    a.put_back(used)
    c.size()

    assert (a.sharers, open_below(tmp_path)) == (0, ["2"])


def test_a_file_that_is_shared_just_when_it_is_put_back_is_closed_by_its_user(tmp_path: Path):
    (a,) = made(tmp_path, 1, max_open=1)
    used = shared_and_idle(a)
    a.close()

    assert os.pread(used, 9, 0) == b"0"
    a.put_back(used)

    assert (a.sharers, a._cache.open_count, open_below(tmp_path)) == (0, 0, [])


def test_of_two_threads_that_put_a_file_back_at_once_one_leaves_it_to_be_closed(tmp_path: Path):
    a, b = made(tmp_path, 2, max_open=1)
    first, second = a.take(), a.take()
    a.put_back(first)
    a._leave(second)  # it saw the first still
    b.size()

    assert (a.sharers, open_below(tmp_path)) == (0, ["1"])


def test_where_other_threads_took_all_idle_files_meanwhile_none_is_closed(tmp_path: Path):
    class TakenMeanwhile(OrderedDict[CachedDescriptor, int]):
        def __len__(self) -> int:
            return 1

    a, b = made(tmp_path, 2, max_open=1)
    used = a.take()
    a._cache.idle = TakenMeanwhile()
    b.size()

    assert open_below(tmp_path) == ["0", "1"]
    a.put_back(used)


class ActsFirst:
    """A lock that lets something happen before it is taken for the first time."""

    def __init__(self, cache: DescriptorCache, action: Callable[[], object]) -> None:
        self.cache, self.lock, self.action = cache, cache.opening, action
        cache.opening = self  # type: ignore[assignment]

    def __enter__(self) -> None:
        self.cache.opening = self.lock
        self.action()
        self.lock.acquire()

    def __exit__(self, *_: object) -> None:
        self.lock.release()


def test_of_two_threads_that_open_a_file_at_once_one_does(tmp_path: Path):
    a, _ = made(tmp_path, 2, max_open=1)
    used: list[int] = []
    ActsFirst(a._cache, lambda: used.append(a.take()))

    assert a.read(0, 9) == b"0"

    assert open_below(tmp_path) == ["0"]
    a.put_back(used.pop())
    assert (a.sharers, len(a._cache.idle)) == (0, a._cache.open_count)


def test_a_file_that_is_closed_while_it_is_opened_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    a, _ = made(tmp_path, 2, max_open=1)
    whole = os.open

    def closed_meanwhile(path: str, flags: int, mode: int) -> int:
        a.close()
        return whole(path, flags, mode)

    monkeypatch.setattr(os, "open", closed_meanwhile)
    with pytest.raises(OSError, match="Bad file descriptor"):
        a.size()

    assert open_below(tmp_path) == []


def hammer(count: int, work: Callable[[int], None]) -> None:
    """Run work in threads that switch as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(count) as threads:
            for result in [threads.submit(work, number) for number in range(count)]:
                result.result()
    finally:
        sys.setswitchinterval(interval)


def test_threads_that_use_more_files_than_may_be_open_see_their_own_bytes(tmp_path: Path):
    files = made(tmp_path, 8, max_open=2)
    over = threading.Event()
    most: list[int] = []

    def work(thread: int) -> None:
        rng = random.Random(thread)
        place = 100 + thread * 8
        written = [b""] * len(files)
        for step in range(400):
            number = rng.randrange(len(files))
            match rng.randrange(8):
                case 0:
                    files[number].sync()
                case 1 | 2 | 3:
                    written[number] = b"%d.%d.%03d" % (thread, number, step)
                    files[number].write(place, [written[number]])
                case _:
                    size = len(written[number])
                    assert files[number].read(place, size) == written[number]
                    assert files[number].read(0, 1) == b"%d" % number

    def watch() -> None:
        while not over.is_set():
            most.append(len(open_below(tmp_path)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    hammer(4, work)
    over.set()
    watcher.join()

    assert max(most) <= 2 + 4
    assert files[0]._cache.open_count == len(open_below(tmp_path))
    assert all(file.sharers == 0 for file in files)


def test_closing_and_renaming_do_not_disturb_threads_that_read(tmp_path: Path):
    files = made(tmp_path, 4, max_open=2)

    def read(number: int) -> None:
        with suppress(OSError) if number == 0 else nullcontext():
            assert files[number].read(0, 9) == b"%d" % number

    def work(thread: int) -> None:
        rng = random.Random(thread)
        for step in range(300):
            if thread == 0:
                files[rng.randint(1, 3)].rename(tmp_path / f"{rng.randint(1, 3)}.{step}")
            elif thread == 1 and step == 200:
                files[0].close()
            else:
                read(rng.randrange(4))

    hammer(4, work)

    with pytest.raises(OSError, match="Bad file descriptor"):
        files[0].size()
    assert "0" not in open_below(tmp_path)
    assert files[0]._cache.open_count == len(open_below(tmp_path)) <= 2 + 4
