"""What can happen to frames on their way, as values: a script of faults, and what comes of a frame under one."""

from dataclasses import dataclass
from enum import Enum, auto
from random import Random
from typing import Final, NamedTuple, TypeAlias

SIZE_BYTES: Final = 4
HUGE: Final = 0x7FFFFFFF


class Kind(Enum):
    """What a fault does to its frame."""

    CUT = auto()
    """Some bytes of it pass, then both directions end."""
    HALF_CLOSE = auto()
    """Some bytes of it pass, then this direction ends; the other goes on."""
    STALL = auto()
    """Some bytes of it pass, then nothing more comes, and nothing ends."""
    DROP = auto()
    """It is lost; those behind it arrive."""
    DELAY = auto()
    """It comes late."""
    SLICE = auto()
    """It comes in pieces."""
    GARBAGE = auto()
    """Its body is other bytes, behind a right size."""
    NOISE = auto()
    """Other bytes come in front of it, so that nothing behind them makes sense."""
    WRONG_ID = auto()
    """It is the answer to another request."""
    HUGE_SIZE = auto()
    """Its size says that 2 GiB follow."""
    NEGATIVE_SIZE = auto()
    """Its size says that less than nothing follows."""
    TWICE = auto()
    """It comes twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that happens to one frame of a direction of a connection."""

    kind: Kind
    frame: int = 0
    """Which one, from 0 on."""
    amount: int = 0
    """Bytes that pass before it ends, bytes of a piece, or milliseconds of a delay."""


class Ending(Enum):
    """How a direction ends."""

    CUT = auto()
    HALF_CLOSE = auto()
    STALL = auto()


class Pause(NamedTuple):
    """Nothing for a while."""

    seconds: float


Step: TypeAlias = bytes | Pause | Ending


class Mangler:
    """One direction of a connection: bytes in, what is to be done out. No I/O."""

    def __init__(self, faults: tuple[Fault, ...], random: Random) -> None:
        self._faults = {fault.frame: fault for fault in faults}
        self._random = random
        self._buffer = bytearray()
        self._frame = 0

    def feed(self, data: bytes) -> list[Step]:
        """Take bytes as they come, and return what is to be done, frame by frame."""
        self._buffer += data
        steps: list[Step] = []
        while len(self._buffer) >= SIZE_BYTES:
            end = SIZE_BYTES + int.from_bytes(self._buffer[:SIZE_BYTES], "big")
            if len(self._buffer) < end:
                break
            frame = bytes(self._buffer[:end])
            del self._buffer[:end]
            fault = self._faults.get(self._frame)
            self._frame += 1
            steps += [frame] if fault is None else mangle(frame, fault, self._random)
        return steps


def mangle(frame: bytes, fault: Fault, random: Random) -> list[Step]:
    """Return what comes of a frame, its size in front, under a fault."""
    ending = _ENDINGS.get(fault.kind)
    if ending is not None:
        return [frame[: fault.amount % len(frame)], ending]
    body = frame[SIZE_BYTES:]
    piece = max(1, fault.amount)
    steps: dict[Kind, list[Step]] = {
        Kind.DROP: [],
        Kind.DELAY: [Pause(fault.amount / 1000), frame],
        Kind.SLICE: [frame[start : start + piece] for start in range(0, len(frame), piece)],
        Kind.GARBAGE: [frame[: 2 * SIZE_BYTES] + random.randbytes(max(0, len(body) - SIZE_BYTES))],
        Kind.NOISE: [random.randbytes(piece), frame],
        Kind.WRONG_ID: [frame[:SIZE_BYTES] + random.randbytes(SIZE_BYTES) + body[SIZE_BYTES:]],
        Kind.HUGE_SIZE: [HUGE.to_bytes(SIZE_BYTES, "big") + body],
        Kind.NEGATIVE_SIZE: [(-random.randrange(1, HUGE)).to_bytes(SIZE_BYTES, "big", signed=True) + body],
        Kind.TWICE: [frame, frame],
    }
    return steps[fault.kind]


_ENDINGS: Final = {Kind.CUT: Ending.CUT, Kind.HALF_CLOSE: Ending.HALF_CLOSE, Kind.STALL: Ending.STALL}
