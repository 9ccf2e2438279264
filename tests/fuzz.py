"""Look for bytes that a decoder answers with anything but its own error: atheris, guided by what the code covers.

    make fuzz                               every target for a minute
    make fuzz ARGS="requests --seconds 600"

Not a part of `make test`, whose Hypothesis tests say the same of fewer inputs. What is found is written to
crash-* in the working directory, and belongs into those tests. Memory is limited to half a GiB, a single input to
two seconds.
"""

import argparse
import contextlib
import multiprocessing
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import atheris  # type: ignore[import-untyped]

with atheris.instrument_imports(include=["gomq", "gomq_storage"]):
    from gomq.errors import ProtocolError
    from gomq.protocol.api import SERVED, Api
    from gomq.protocol.frames import FrameBuffer
    from gomq.protocol.requests import MIN_REQUEST_BYTES, decode_request, read_head
    from gomq_storage.batch import check_batch, walk
    from gomq_storage.compression import Codec
    from gomq_storage.errors import StorageError
    from gomq_storage.record import NewRecord, decode_batch, encode_batch

_SIZE_BYTES: Final = 4
_APIS: Final = {int(api): api for api in SERVED}
_LIMITS: Final = ("-rss_limit_mb=512", "-timeout=2", "-print_final_stats=0")


def frames(data: bytes) -> None:
    """A stream of bytes, cut into frames as they arrive in pieces."""
    buffer = FrameBuffer(max_bytes=1 << 16, min_bytes=MIN_REQUEST_BYTES)
    step = data[0] + 1 if data else 1
    with contextlib.suppress(ProtocolError):
        for start in range(1, len(data), step):
            piece = data[start : start + step]
            while piece:
                space = buffer.space()
                count = min(len(space), len(piece))
                space[:count] = piece[:count]
                buffer.received(count)
                piece = piece[count:]
                while buffer.next_frame() is not None:
                    pass


def requests(data: bytes) -> None:
    """A request of any API and version."""
    frame = memoryview(data).toreadonly()
    if len(frame) < MIN_REQUEST_BYTES:
        return
    head = read_head(frame)
    api = _APIS.get(head.api_key)
    if api is not None and head.version in SERVED[api]:
        with contextlib.suppress(ProtocolError):
            decode_request(frame, api, head.version)


def batches(data: bytes) -> None:
    """Record batches, whether their checksum is right or not: what it guards must stand anything."""
    with contextlib.suppress(StorageError):
        for position, header in walk(data):
            decode_batch(memoryview(data)[position:], header)
    with contextlib.suppress(StorageError):
        check_batch(data)


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {"frames": frames, "requests": requests, "batches": batches}


def seeds(target: str) -> Iterator[bytes]:
    """Well-formed inputs to begin with."""
    from tests.support.corpus import sample_request  # noqa: PLC0415 - what the tests import is not instrumented

    if target == "batches":
        records = [NewRecord(b"value", b"key", (("name", b"value"),)), NewRecord(None, b"key")]
        for codec in Codec:
            yield encode_batch(records, now_ms=1, codec=codec)
        return
    for api, versions in SERVED.items():
        for version in range(versions.oldest, versions.newest + 1):
            request = sample_request(Api(api), version)
            yield request[_SIZE_BYTES:] if target == "requests" else b"\x0f" + request


def _fuzz(target: str, seconds: int) -> None:
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds(target)):
            Path(corpus, str(number)).write_bytes(seed)
        atheris.Setup([sys.argv[0], corpus, f"-max_total_time={seconds}", *_LIMITS], TARGETS[target])
        atheris.Fuzz()


def main() -> int:
    """Fuzz one target or all of them, each in a process of its own; 1 when something was found."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], help="which; all if none is named")
    parser.add_argument("--seconds", type=int, default=60, help="for each (default: 60)")
    arguments = parser.parse_args()
    failed = []
    for target in arguments.targets or TARGETS:
        process = multiprocessing.get_context("spawn").Process(target=_fuzz, args=(target, arguments.seconds))
        process.start()
        process.join()
        if process.exitcode:
            failed.append(target)
    sys.stdout.write(f"found something in: {', '.join(failed)}\n" if failed else "nothing found\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
