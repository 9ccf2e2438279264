"""Compacts the logs of a directory, one at a time, in a worker thread. Kafka: ``LogCleaner``.

1. Work out which part of a log may be compacted, and whether it is worth it (``cleaning.py``).
2. Note of each key in the dirty part which offset is the latest, as far as the memory for it goes (``key_map.py``).
3. Copy what survives, group by group, and put each copy into its group's place (``compaction.py``, ``swap.py``).
4. Write down up to where the log is clean now.

It may be stopped, or the power may go, at any point: what is done stays done, the rest is done the next time.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gomq_storage.batch import BatchHeader
from gomq_storage.checkpoint import Checkpoints
from gomq_storage.cleaning import Cleanable, SealedSegment, cleanable, group_segments
from gomq_storage.compaction import Pace, build_map, clean_group
from gomq_storage.config import KEY_MAP_BYTES
from gomq_storage.errors import LogOfflineError
from gomq_storage.key_map import KeyMap
from gomq_storage.layout import OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX, TXN_INDEX_SUFFIX, segment_file_name
from gomq_storage.log import Log
from gomq_storage.producer_recovery import remove_snapshots
from gomq_storage.segment import Segment
from gomq_storage.survivors import Survivors
from gomq_storage.swap import replace
from gomq_storage.upkeep import Upkeep


@dataclass(frozen=True, slots=True, kw_only=True)
class Compacted:
    """What a compaction did."""

    directory: Path
    """The log's folder."""
    segments_before: int
    segments_after: int
    bytes_before: int
    bytes_after: int
    upto: int
    """The log is clean up to this offset."""


class Cleaner:
    """Compacts logs. One thread at a time.

    Args:
        checkpoints: those of the logs' directory.
        upkeep: takes the replaced segments.
        key_map_bytes: memory for keys; a log with more is compacted a part at a time.
        max_bytes_per_second: ``log.cleaner.io.max.bytes.per.second``; None for no limit but that of the share.
        share: the part of the time that the thread may work, so that others have the interpreter.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        upkeep: Upkeep,
        *,
        key_map_bytes: int = KEY_MAP_BYTES,
        max_bytes_per_second: float | None = None,
        share: float = 0.3,
    ) -> None:
        self._checkpoints = checkpoints
        self._upkeep = upkeep
        self._key_map_bytes = key_map_bytes
        self._max_bytes_per_second = max_bytes_per_second
        self._share = share

    def configure(self, *, key_map_bytes: int, max_bytes_per_second: float | None) -> None:
        """Go by another memory and pace from the next compaction on."""
        self._key_map_bytes = key_map_bytes
        self._max_bytes_per_second = max_bytes_per_second

    def most_due(self, logs: Iterable[Log], *, now_ms: int) -> Log | None:
        """Choose the log that needs compacting most, of those that do."""
        due: list[tuple[float, Log]] = []
        for log in logs:
            if log.config.is_compacted and len(log.segments) > 1:
                found = self._cleanable(log, log.segments, log.end.segment_base_offset, now_ms)
                if found.is_due:
                    due.append((found.ratio, log))
        return max(due, key=lambda each: each[0])[1] if due else None

    def compact(
        self, log: Log, *, now_ms: int, upto: int | None = None, should_stop: Callable[[], bool] = lambda: False
    ) -> Compacted | None:
        """Compact a log if that is due; return what was done, or None where there was nothing to do.

        Args:
            log: the log; its settings say that it is compacted.
            now_ms: the time.
            upto: nothing is compacted from the segment on that holds this offset; None: from the active one on.
            should_stop: asked all the time.

        Raises:
            CompactionStoppedError: it was told to, or the log was closed.
            StorageError: a segment is damaged; it was not touched.
            LogOfflineError: the log must be opened anew to know which segments it has.
            OSError: the disk is full, or failed.
        """
        with log.maintaining:
            segments = log.checked_segments()
            limit = min(log.end.segment_base_offset, _base_of(segments, upto) if upto is not None else 2**63)
            found = self._cleanable(log, segments, limit, now_ms)
            if not found.is_due:
                return None
            pace = Pace(
                max_bytes_per_second=self._max_bytes_per_second,
                share=self._share,
                should_stop=lambda: log.is_closed or should_stop(),
            )
            key_map = KeyMap(self._key_map_bytes)
            end = build_map(
                [segment for segment in segments if segment.base_offset < found.first_uncleanable],
                first_dirty=found.first_dirty,
                upto=found.first_uncleanable,
                key_map=key_map,
                pace=pace,
            )
            if end == found.first_dirty:
                return None
            return self._rewrite(log, segments, key_map, pace, now_ms)

    def _rewrite(self, log: Log, segments: Sequence[Segment], key_map: KeyMap, pace: Pace, now_ms: int) -> Compacted:
        old = [segment for segment in segments if segment.base_offset < key_map.end]
        following = segments[len(old)].base_offset
        last_offsets = {producer.producer_id: producer.last_offset for producer in log.active_producers()}

        def is_last_of_producer(header: BatchHeader) -> bool:
            return last_offsets.get(header.producer_id) == header.last_offset

        retention_ms = log.config.delete_retention_ms
        survivors = Survivors(key_map, now_ms=now_ms, delete_retention_ms=retention_ms, pace=pace)
        before, after, count = sum(segment.size for segment in old), 0, 0
        for group in group_segments(_sealed(log, old), upto=following, config=log.config):
            replaced = old[group.start : group.stop]
            new = clean_group(
                log.files,
                log.directory,
                replaced,
                survivors=survivors,
                is_last_of_producer=is_last_of_producer,
                config=log.config,
            )
            self._put_in_place(log, new, replaced, pace)
            after, count = after + new.size, count + 1
        self._checkpoints.set_first_dirty(log.name, key_map.end)
        self._checkpoints.save_first_dirty()
        return Compacted(
            directory=log.directory,
            segments_before=len(old),
            segments_after=count,
            bytes_before=before,
            bytes_after=after,
            upto=key_map.end,
        )

    def _put_in_place(self, log: Log, new: Segment, old: Sequence[Segment], pace: Pace) -> None:
        try:
            pace(0)  # the last chance to stop
            self._upkeep.expel(log, {segment.base_offset for segment in old})
            self._checkpoints.set_first_dirty(log.name, self._checkpoints.of(log.name).first_dirty or 0)
            self._checkpoints.save_first_dirty()  # so that gaps are expected, whatever the topic's policy will be
            replace(log.files, log.directory, new, old)
        except LogOfflineError as error:
            log.fail(error.reason)
            raise
        except BaseException:
            new.remove(log.files)
            raise
        new.is_checked = True
        log.replace_segments(old, [new])
        self._upkeep.doom(log, old)
        remove_snapshots(log.files, log.directory, [segment.base_offset for segment in old[1:]])

    def _cleanable(self, log: Log, segments: Sequence[Segment], limit: int, now_ms: int) -> Cleanable:
        sealed = _sealed(log, [segment for segment in segments if segment.base_offset < limit])
        return cleanable(
            sealed,
            active_base_offset=limit,
            first_dirty=self._checkpoints.of(log.name).first_dirty,
            config=log.config,
            now_ms=now_ms,
        )


def _base_of(segments: Sequence[Segment], offset: int) -> int:
    return max((segment.base_offset for segment in segments if segment.base_offset <= offset), default=0)


def _sealed(log: Log, segments: Sequence[Segment]) -> list[SealedSegment]:
    sizes = log.files.sizes(log.directory)
    by_time = log.config.min_compaction_lag_ms > 0
    by_first_time = log.config.max_compaction_lag_ms is not None
    return [
        SealedSegment(
            segment.base_offset,
            segment.size,
            largest_timestamp=segment.largest.timestamp if by_time else -1,
            first_timestamp=segment.first_timestamp if by_first_time else -1,
            index_bytes=max(
                sizes.get(segment_file_name(segment.base_offset, suffix), 0)
                for suffix in (OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX)
            ),
            has_aborted=sizes.get(segment_file_name(segment.base_offset, TXN_INDEX_SUFFIX), 0) > 0,
        )
        for segment in segments
    ]
