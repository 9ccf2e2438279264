"""Work out what must change in a partition's folder. Nothing is written.

1. List the log files; finish what compactions left (``sources.py``).
2. Take each apart into what is whole and what is not (``pieces.py``), and judge which batches stay (``chain.py``).
3. Read each log as it will be, every CRC again, and make the indexes that are not right (``indexes.py``).
4. Compare the other files with the log as it will be (``notes.py``).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice, pairwise, zip_longest
from pathlib import Path
from typing import Final, NamedTuple

from gomq_dump.repairing.chain import AHEAD, Bounds, Chain
from gomq_dump.repairing.edits import Deed, Deeds, Edit
from gomq_dump.repairing.indexes import MAX_INDEX_BYTES, are_true, make_indexes
from gomq_dump.repairing.metadata_snapshots import note_damaged_snapshots
from gomq_dump.repairing.notes import (
    Content,
    MendedLog,
    mend_epochs,
    mend_snapshots,
    mend_transactions,
    topic_id_problem,
)
from gomq_dump.repairing.patched import HeldFile, PatchedFile, virtual_segment
from gomq_dump.repairing.pieces import LogPieces, Piece, Whole
from gomq_dump.repairing.plan import STAGED_SUFFIX, Aside, PartitionPlan, aside_name, is_zeros
from gomq_dump.repairing.sources import Source, find_sources
from gomq_storage.batch import NO_LEADER_EPOCH
from gomq_storage.checkpoint import LogCheckpoint
from gomq_storage.files import Files, read_whole
from gomq_storage.layout import (
    CLEAN_SHUTDOWN_FILE_NAME,
    LEADER_EPOCH_FILE_NAME,
    LOG_SUFFIX,
    OFFSET_INDEX_SUFFIX,
    PARTITION_METADATA_FILE_NAME,
    REMOVED_SUFFIX,
    SNAPSHOT_SUFFIX,
    TIME_INDEX_SUFFIX,
    TXN_INDEX_SUFFIX,
    parse_segment_file_name,
    parse_snapshot_file_name,
    segment_file_name,
)
from gomq_storage.segment import Segment

_MAX_NOTE_BYTES: Final = 64 << 20
_WITHOUT_ID: Final = "GoMQ does without, but Kafka puts such a partition aside: copy the file from another partition"


class _Mended(NamedTuple):
    """A segment and the edits that it needs."""

    source: Source
    chain: Chain
    log: PatchedFile

    @property
    def name(self) -> str:
        """The log's name when all is done."""
        return segment_file_name(self.source.base_offset)

    @property
    def is_changed(self) -> bool:
        """Whether the file must be written."""
        return bool(self.chain.edits) or self.source.name != self.name


def plan_partition(
    files: Files,
    directory: Path,
    *,
    name: str,
    checkpoint: LogCheckpoint | None = None,
    keeps_damaged: bool = True,
    progress: Callable[[int], object] = lambda _: None,
) -> PartitionPlan:
    """Work out what must change in a partition's folder.

    Args:
        files: the file system.
        directory: the folder.
        name: what it is called in what a person reads.
        checkpoint: what the data directory's checkpoints say of it, if it is in one.
        keeps_damaged: whether bytes that are left out are to be kept aside.
        progress: told how many bytes of logs are done.

    Raises:
        OSError: something cannot be read.
        DamagedLogError: the log would not be sound even then, which nothing here can mend.
    """
    planner = _Planner(files, directory, name, checkpoint or LogCheckpoint())
    planner.keeps_damaged, planner.progress = keeps_damaged, progress
    planner.run()
    return planner.plan


class _Planner:
    """The steps, and what they share."""

    def __init__(self, files: Files, directory: Path, name: str, checkpoint: LogCheckpoint) -> None:
        self.keeps_damaged = True
        self.progress: Callable[[int], object] = lambda _: None
        self.plan = PartitionPlan(directory, name, Deeds(name), checkpoint=checkpoint)
        self._files = files
        self._directory = directory
        self._checkpoint = checkpoint
        self._may_have_gaps = checkpoint.first_dirty is not None
        self._sizes: Mapping[str, int] = files.sizes(directory)

    def run(self) -> None:
        plan = self.plan
        sources, plan.removed = find_sources(self._files, self._directory, self._sizes, plan.deeds)
        mended = self._judge(sources)
        plan.log_start, plan.log_end = mended[0].source.base_offset, mended[-1].chain.next_offset
        segments = [
            self._finish(each, following.source.base_offset, is_sealed=True) for each, following in pairwise(mended)
        ]
        segments.append(self._finish(mended[-1], plan.log_end, is_sealed=False))
        log = MendedLog(
            segments,
            plan.log_end,
            min((change for each in mended if (change := _first_change(each)) is not None), default=None),
            max((change for each in mended if (change := each.chain.last_change) is not None), default=None),
            any(each.chain.is_transactional for each in mended),
            self._may_have_gaps,
        )
        self._mend_notes(log)
        note_damaged_snapshots(self._files, self._directory, self._sizes, plan.deeds)
        self._sort_out_the_rest(mended)

    def _judge(self, sources: list[Source]) -> list[_Mended]:
        """Find out which segments there will be, and which of their batches."""
        first_epochs = {source: _first_epochs(source) for source in sources}
        # Compaction may leave a segment without a batch; in any other log none is empty but the last.
        living = [each for each in sources if first_epochs[each] or (self._may_have_gaps and not each.size)]
        epoch, mended = NO_LEADER_EPOCH, list[_Mended]()
        for source, following in zip_longest(living, living[1:]):
            bounds = Bounds(
                base_offset=source.base_offset,
                limit=following.base_offset if following is not None else None,
                leader_epoch=epoch,
                may_have_gaps=self._may_have_gaps,
                later_epochs=first_epochs.get(following, ()),
            )
            chain = Chain(bounds, source.size)
            chain.run(self._watched(LogPieces(source.segment())))
            epoch = chain.leader_epoch
            mended.append(_Mended(source, chain, _patched(source, chain)))
        dead = [source for source in sources if source not in living]
        return self._bury(dead, mended)

    def _bury(self, dead: list[Source], mended: list[_Mended]) -> list[_Mended]:
        """Leave out the segments without a single good batch, but for one at the end: offsets must not come again."""
        known = max([self._checkpoint.recovery_point, self._checkpoint.log_start, *_offsets_in(self._sizes)])
        end = mended[-1].chain.next_offset if mended else 0
        last = dead[-1] if dead and dead[-1].base_offset >= end else None
        if not mended and (last is None or last.base_offset < known):
            last = Source(known, segment_file_name(known), 0, HeldFile(self._directory / segment_file_name(known)))
            self.plan.deeds.add(Deed.REBUILD, last.name, "there is no log file to go on from")
            self.plan.logs[last.name] = PatchedFile(last.file, 0, ())
        for source in dead:
            if source is not last:
                self._remove(source)
        if last is None:
            return mended
        if mended and last.base_offset > end:
            mended[-1] = _reaching(mended[-1], last.base_offset)
        bounds = Bounds(base_offset=last.base_offset, limit=None, leader_epoch=-1, may_have_gaps=self._may_have_gaps)
        chain = Chain(bounds, last.size)
        chain.run(LogPieces(last.segment()))
        return [*mended, _Mended(last, chain, _patched(last, chain))]

    def _remove(self, source: Source) -> None:
        reason = "there is no good batch in it" if source.size else "it is empty, and others follow"
        edit = Edit(deed=Deed.DROP, position=0, size=source.size, reason=reason)
        self._note_edit(source, edit)
        if source.name not in self.plan.removed:
            self.plan.removed.append(source.name)

    def _watched(self, pieces: LogPieces) -> Iterator[Piece]:
        for piece in pieces:
            self.progress(piece.header.size if isinstance(piece, Whole) else piece.size)
            yield piece

    def _finish(self, mended: _Mended, following: int, *, is_sealed: bool) -> Segment:
        """Say what a segment's files must hold; return it as it will be."""
        plan, source = self.plan, mended.source
        for edit in mended.chain.edits:
            self._note_edit(source, edit)
        if mended.is_changed:
            plan.logs[mended.name] = mended.log
        base, size = source.base_offset, mended.log.size()
        names = segment_file_name(base, OFFSET_INDEX_SUFFIX), segment_file_name(base, TIME_INDEX_SUFFIX)
        offsets, times = (self._read(name, MAX_INDEX_BYTES) for name in names)
        if offsets is not None and times is not None and not mended.is_changed:
            segment = virtual_segment(base, mended.log, size, offsets=offsets, times=times)
            if are_true(
                segment,
                following if is_sealed else None,
                offsets=offsets,
                times=times,
                may_have_gaps=self._may_have_gaps,
            ):
                return segment
        made = make_indexes(mended.log, base, following, may_have_gaps=self._may_have_gaps)
        for name, content, found in zip(names, made, (offsets, times), strict=True):
            if content != found:
                plan.contents[name] = content
                plan.deeds.add(Deed.REBUILD, name, _why(found, is_changed=mended.is_changed))
        return virtual_segment(base, mended.log, size, offsets=made[0], times=made[1])

    def _mend_notes(self, log: MendedLog) -> None:
        plan = self.plan
        beside = {
            name: content
            for name in sorted(self._sizes)
            if name.endswith((SNAPSHOT_SUFFIX, TXN_INDEX_SUFFIX)) and name not in plan.removed
            if (content := self._read(name, MAX_INDEX_BYTES)) is not None
        }
        changes: dict[str, Content] = {
            **mend_transactions(log, beside, plan.deeds),
            **mend_snapshots(log, beside, plan.deeds),
            **mend_epochs(log, self._read(LEADER_EPOCH_FILE_NAME, _MAX_NOTE_BYTES), plan.deeds),
        }
        topic_id = self._read(PARTITION_METADATA_FILE_NAME, _MAX_NOTE_BYTES)
        if topic_id is not None and (problem := topic_id_problem(topic_id)) is not None:
            changes[PARTITION_METADATA_FILE_NAME] = None
            plan.deeds.add(Deed.REMOVE, PARTITION_METADATA_FILE_NAME, f"{problem}; {_WITHOUT_ID}")
        for name, content in changes.items():
            if content is not None:
                plan.contents[name] = content
            elif name in self._sizes:
                plan.removed.append(name)

    def _sort_out_the_rest(self, mended: list[_Mended]) -> None:
        """Leave out the indexes of segments that are gone; keep all other files as they are."""
        plan = self.plan
        bases = {each.source.base_offset for each in mended}
        for name in sorted(self._sizes):
            parsed = parse_segment_file_name(name)
            if parsed is None or name in plan.removed or parsed[1] == LOG_SUFFIX or parsed[0] in bases:
                continue
            plan.removed.append(name)
            plan.deeds.add(Deed.REMOVE, name, "it is an index without a log")
        written = {*plan.logs, *plan.contents, *plan.removed, CLEAN_SHUTDOWN_FILE_NAME}
        passing = (REMOVED_SUFFIX, STAGED_SUFFIX)
        plan.kept = [name for name in sorted(self._sizes) if name not in written and not name.endswith(passing)]

    def _note_edit(self, source: Source, edit: Edit) -> None:
        name = segment_file_name(source.base_offset)
        aside = None
        if self.keeps_damaged and edit.deed in {Deed.DROP, Deed.CUT} and not is_zeros(source.file, edit):
            aside = aside_name(self.plan.name, name, edit)
            self.plan.asides.append(Aside(aside, source.file, edit.position, edit.size))
        self.plan.deeds.add_edit(name, edit, aside)

    def _read(self, name: str, max_bytes: int) -> bytes | None:
        if name not in self._sizes:
            return None
        return read_whole(self._files, self._directory / name, max_bytes=max_bytes)


def _first_epochs(source: Source) -> list[int]:
    """List the leader epochs of a log's first batches; none where it has not a single good one."""
    epochs = (piece.header.leader_epoch for piece in LogPieces(source.segment()) if isinstance(piece, Whole))
    return list(islice(epochs, AHEAD))


def _patched(source: Source, chain: Chain) -> PatchedFile:
    return PatchedFile(source.file, source.size, chain.edits)


def _reaching(mended: _Mended, offset: int) -> _Mended:
    mended.chain.reach(offset)
    return mended._replace(log=_patched(mended.source, mended.chain))


def _offsets_in(names: Iterable[str]) -> Iterator[int]:
    """Yield the offsets that the names of files speak of: the log has reached all of them."""
    for name in names:
        snapshot, parsed = parse_snapshot_file_name(name), parse_segment_file_name(name)
        if snapshot is not None:
            yield snapshot
        elif parsed is not None:
            yield parsed[0]


def _first_change(mended: _Mended) -> int | None:
    """Return the first offset at which a segment's batches are others than before."""
    return mended.source.base_offset if mended.source.is_swap else mended.chain.first_change


def _why(found: bytes | None, *, is_changed: bool) -> str:
    if found is None:
        return "it is missing"
    return "the log is mended" if is_changed else "it does not agree with the log"
