"""More partitions and segments than a process may have files open: all of them are served."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from gomq.protocol.api import Api
from tests.support.brokers import broker_process
from tests.support.running import records_in_answer
from tests.support.topics import create
from tests.support.wire import Wire, batch, connect, fetch_values, produce_values

TOPICS = 4


def limited(descriptors: int) -> list[str]:
    """What to put in front of a command that may open so many files, and cannot raise that."""
    return ["bash", "-c", f'ulimit -n {descriptors}; exec "$@"', "bash"]


def by_topic(partitions: int) -> list[tuple[str, Sequence[int]]]:
    return [(f"topic-{number}", range(partitions // TOPICS)) for number in range(TOPICS)]


async def produce_to_each(wire: Wire, partitions: int, value: bytes) -> None:
    for topic, indices in by_topic(partitions):
        batches: Mapping[int, bytes] = {index: batch(value + b" of %d" % index + b"." * 100) for index in indices}
        answer = await wire.ask(Api.PRODUCE, 9, **produce_values({topic: batches}, timeout=60_000))
        assert {entry.error_code for entry in answer.responses[0].partition_responses} == {0}


async def check_each(wire: Wire, partitions: int, values: Sequence[bytes]) -> None:
    """Fetch from each partition until all of it was there."""
    for topic, indices in by_topic(partitions):
        found: dict[int, list[bytes]] = {index: [] for index in indices}
        while wanted := [(index, len(held)) for index, held in found.items() if len(held) < len(values)]:
            answer = await wire.ask(Api.FETCH, 11, **fetch_values({topic: wanted}, max_bytes=50 << 20))
            for entry in answer.responses[0].partitions:
                assert entry.error_code == 0
                found[entry.partition_index] += [each.value or b"" for each in records_in_answer(entry.records or b"")]
        for index, held in found.items():
            assert [value.rstrip(b".") for value in held] == [value + b" of %d" % index for value in values]


async def serve_many(data: Path, *, partitions: int, segments: int, descriptors: int) -> None:
    """Make so many partitions of so many segments each, and use all of them, before and after each of two restarts."""
    values: list[bytes] = []
    for life in range(3):
        with broker_process(data, command=limited(descriptors)) as process:
            async with connect(process.address) as wire:
                if life == 0:
                    for topic, indices in by_topic(partitions):
                        made = await create(wire, topic, partitions=len(indices), configs={"segment.bytes": "200"})
                        assert [each.error_code for each in made] == [0]
                else:
                    await check_each(wire, partitions, values)
                for _ in range(segments if life == 0 else 1):
                    values.append(b"value %d" % len(values))
                    await produce_to_each(wire, partitions, values[-1])
                await check_each(wire, partitions, values)
            if life == 1:
                process.kill()
            else:
                assert process.terminate() == 0
    assert '"level": "error"' not in data.with_name("data.stderr").read_text()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_hundreds_of_partitions_are_served_with_few_descriptors(data: Path):
    await serve_many(data, partitions=160, segments=2, descriptors=80)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_two_thousand_partitions_with_ten_thousand_segments_are_served_with_a_thousand_descriptors(data: Path):
    await serve_many(data, partitions=2000, segments=5, descriptors=1024)
