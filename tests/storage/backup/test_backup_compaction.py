"""Segments expire and are compacted while they are copied."""

from gomq_storage.cleaner import Cleaner
from gomq_storage.config import CleanupPolicy, LogConfig
from gomq_storage.log import Log
from gomq_storage.upkeep import Upkeep
from tests.support.backing_up import (
    ORDERS,
    Meanwhile,
    Serving,
    batch_of_tombstone,
    fill,
    keys_in,
    latest,
    restored,
    saved,
)
from tests.support.log_batches import NOW, batch_of, values_in

COMPACTED = LogConfig(
    segment_bytes=600,
    index_interval_bytes=100,
    file_delete_delay_ms=0,
    cleanup_policy=CleanupPolicy.COMPACT,
    min_cleanable_dirty_ratio=0.0,
    delete_retention_ms=0,
)


def test_segments_that_expire_meanwhile_do_no_harm(serving: Serving):
    log = serving.create(ORDERS)
    fill(log, 0, 20)
    second = log.segments[1].path.name

    def expire() -> None:
        log.advance_start(log.segments[2].base_offset)
        Upkeep(serving.directory.checkpoints).enforce_retention([log], now_ms=NOW)

    files = Meanwhile(second, expire)
    saved(serving, files=files)

    assert files.happened
    with restored(serving) as open_log:
        assert values_in(open_log(ORDERS))[-10:] == values_in(log)[-10:]


def test_segments_from_before_and_behind_a_compaction_are_not_mixed(serving: Serving):
    """The old first segment has a value, of which the new second one has no tombstone any more."""
    log = serving.create(ORDERS, COMPACTED)
    fillers = iter(range(100))

    def add_segment(*batches: bytes) -> None:
        """Begin a segment that is never put together with another, since what is in it stays."""
        log.roll()
        keep_key(log, b"filler %d" % next(fillers), bytes(400))
        for batch in batches:
            log.append(batch)

    add_segment(batch_of(b"old", key=b"gone"))
    add_segment(batch_of_tombstone(b"gone"))
    add_segment()
    upkeep = Upkeep(serving.directory.checkpoints)
    cleaner = Cleaner(serving.directory.checkpoints, upkeep)
    bases = [segment.base_offset for segment in log.segments]
    second = log.segments[1].path.name

    def compact() -> None:
        for days in (1, 2):  # the first one settles when the tombstone may go
            cleaner.compact(log, now_ms=NOW + days * 86_400_000)
            upkeep.remove_due(everything=True)
            add_segment()

    files = Meanwhile(second, compact)
    saved(serving, files=files)

    assert files.happened
    assert [segment.base_offset for segment in log.segments][:3] == bases
    assert b"gone" not in keys_in(log)
    with restored(serving, config=COMPACTED) as open_log:
        assert b"gone" not in keys_in(open_log(ORDERS))


def test_compaction_between_two_files_of_any_names_leaves_the_last_value_of_each_key(serving: Serving):
    log = serving.create(ORDERS, COMPACTED)
    upkeep = Upkeep(serving.directory.checkpoints)
    cleaner = Cleaner(serving.directory.checkpoints, upkeep)
    for number in range(30):
        keep_key(log, b"k%d" % (number % 7), b"%d" % number + bytes(60))

    def compact() -> None:
        cleaner.compact(log, now_ms=NOW)
        upkeep.remove_due(everything=True)

    for number, segment in enumerate(log.segments):
        files = Meanwhile(segment.path.name, compact)
        saved(serving, files=files, now_ms=NOW + number)
        with restored(serving, config=COMPACTED) as open_log:
            assert latest(open_log(ORDERS)) == latest(log)
        for more in range(3):
            keep_key(log, b"k%d" % more, b"%d %d" % (number, more) + bytes(60))


def keep_key(log: Log, key: bytes, value: bytes) -> None:
    log.append(batch_of(value, key=key))
