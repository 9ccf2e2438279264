"""The fault proxy does what its script says, and nothing where the script is silent."""

from random import Random

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream
from hypothesis import given, strategies as st

from tests.support.fault_proxy import Script, fault_proxy
from tests.support.mangling import Ending, Fault, Kind, Mangler, Pause, mangle


def framed(*bodies: bytes) -> bytes:
    return b"".join(len(body).to_bytes(4, "big") + body for body in bodies)


FRAME = framed(b"\0\0\0\x07body")


@given(st.lists(st.binary(max_size=40)), st.integers(1, 30))
def test_without_faults_every_byte_passes_in_order(bodies: list[bytes], piece: int):
    stream = framed(*bodies)
    mangler = Mangler((), Random(0))
    steps = [step for start in range(0, len(stream), piece) for step in mangler.feed(stream[start : start + piece])]

    assert b"".join(step for step in steps if isinstance(step, bytes)) == stream


def test_a_fault_happens_to_its_frame_only():
    mangler = Mangler((Fault(kind=Kind.DROP, frame=1),), Random(0))

    assert mangler.feed(framed(b"a", b"b", b"c")) == [framed(b"a"), framed(b"c")]


@pytest.mark.parametrize(
    ("kind", "amount", "steps"),
    [
        (Kind.CUT, 3, [FRAME[:3], Ending.CUT]),
        (Kind.HALF_CLOSE, 0, [b"", Ending.HALF_CLOSE]),
        (Kind.STALL, len(FRAME) + 1, [FRAME[:1], Ending.STALL]),
        (Kind.DROP, 0, []),
        (Kind.DELAY, 20, [Pause(0.02), FRAME]),
        (Kind.SLICE, 5, [FRAME[:5], FRAME[5:10], FRAME[10:]]),
        (Kind.HUGE_SIZE, 0, [b"\x7f\xff\xff\xff" + FRAME[4:]]),
        (Kind.TWICE, 0, [FRAME, FRAME]),
    ],
    ids=lambda value: value.name if isinstance(value, Kind) else "",
)
def test_what_comes_of_a_frame(kind: Kind, amount: int, steps: list[object]):
    assert mangle(FRAME, Fault(kind=kind, amount=amount), Random(0)) == steps


def test_random_bytes_stand_where_they_should():
    (garbage,) = mangle(FRAME, Fault(kind=Kind.GARBAGE), Random(1))
    (wrong,) = mangle(FRAME, Fault(kind=Kind.WRONG_ID), Random(1))
    (negative,) = mangle(FRAME, Fault(kind=Kind.NEGATIVE_SIZE), Random(1))
    noise, frame = mangle(FRAME, Fault(kind=Kind.NOISE, amount=9), Random(1))

    assert isinstance(garbage, bytes)
    assert isinstance(wrong, bytes)
    assert isinstance(negative, bytes)
    assert isinstance(noise, bytes)
    assert (len(garbage), garbage[:8]) == (len(FRAME), FRAME[:8])
    assert garbage != FRAME
    assert (wrong[:4], wrong[8:]) == (FRAME[:4], FRAME[8:])
    assert wrong != FRAME
    assert (negative[4:], negative[0] & 0x80) == (FRAME[4:], 0x80)
    assert (len(noise), frame) == (9, FRAME)


@pytest.mark.parametrize(
    ("kind", "amount", "received"),
    [
        (Kind.CUT, 5, FRAME[:5]),
        (Kind.HALF_CLOSE, 5, FRAME[:5]),
        (Kind.SLICE, 1, FRAME + FRAME),
        (Kind.DROP, 0, FRAME),
    ],
    ids=lambda value: value.name if isinstance(value, Kind) else "",
)
async def test_over_real_sockets(kind: Kind, amount: int, received: bytes):
    async def sends_two_frames(stream: SocketStream) -> None:
        async with stream:
            await stream.send(FRAME)
            await stream.send(FRAME)

    with anyio.fail_after(20):
        async with (
            await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
            fault_proxy(f"127.0.0.1:{listener.extra(SocketAttribute.local_port)}") as proxy,
            anyio.create_task_group() as group,
        ):
            group.start_soon(listener.serve, sends_two_frames)
            proxy.scripts.append(Script(to_client=(Fault(kind=kind, amount=amount),)))
            async with await anyio.connect_tcp("127.0.0.1", int(proxy.address.rpartition(":")[2])) as stream:
                assert b"".join([chunk async for chunk in stream]) == received
            assert proxy.connections == 1
            group.cancel_scope.cancel()
