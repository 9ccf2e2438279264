"""Several processes show what one does: the same bytes, the same findings, in the same order."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.indexed_segments import gapped_batches, write_segments

RUN = "import sys; from gomq_dump.cli import main; code = main(sys.argv[1:]); sys.stdout.flush(); sys.exit(code)"
ALONE = f"import gomq_dump.showing; gomq_dump.showing.PARALLEL_BYTES = 1 << 60; {RUN}"
TOGETHER = (
    "import gomq_dump.showing, gomq_dump.jobs as jobs, gomq_dump.parallel as parallel, gomq_dump.workers as workers;"
    "gomq_dump.showing.PARALLEL_BYTES = 1; jobs.JOB_BYTES = 1000; parallel._FIRST_JOBS = 2;"
    f"workers.processors = lambda: 3; SPECIAL; {RUN}"
)
# Each worker ends behind its fifth job, as if the system had ended it.
FORSAKEN = TOGETHER.replace(
    "SPECIAL",
    "import os; do = workers._Desk.do; numbers = iter(range(5));"
    "workers._Desk.do = lambda self, job: do(self, job) if next(numbers, None) is not None else os._exit(1)",
)
# Each worker finds another file under the name.
REPLACED = TOGETHER.replace(
    "SPECIAL",
    "import os, sys; opened = workers.ByteReader.open; first = os.getpid();"
    "workers.ByteReader.open = lambda path, **options:"
    " opened(path if os.getpid() == first else sys.executable, **options)",
)
# What a worker has to say is more than the shared memory can take.
NARROW = TOGETHER.replace("SPECIAL", "workers._SHARED_BYTES = 700")
# Who hands out the jobs does none itself once there are workers.
UNAIDED = TOGETHER.replace(
    "SPECIAL",
    "write = jobs.BatchWriter.write; numbers = iter(range(2));"
    "jobs.BatchWriter.write = lambda self, job: write(self, job) if next(numbers, None) is not None else sys.exit(99)",
).replace("workers.processors", "import sys; workers.processors")
# What waits behind a job is counted.
BOUNDED = TOGETHER.replace(
    "SPECIAL",
    "import sys; parallel._MOST_PENDING = 5; finish = parallel.ParallelShow._finish;"
    "parallel.ParallelShow._finish = lambda self: sys.exit(98) if len(self._pending) > 6 else finish(self)",
)
TOGETHER = TOGETHER.replace("SPECIAL; ", "")


@pytest.fixture(scope="module")
def partition(tmp_path_factory: pytest.TempPathFactory) -> Path:
    batches = gapped_batches(300)
    directory = write_segments(tmp_path_factory.mktemp("data") / "orders-0", [batches[:200], batches[200:]])
    log = directory / "00000000000000000000.log"
    data = bytearray(log.read_bytes())
    for position in (3000, 9000, 9500):
        data[position] ^= 1
    log.write_bytes(data)
    return directory


def ran(code: str, *words: object) -> tuple[int, bytes, bytes]:
    done = subprocess.run([sys.executable, "-c", code, *map(str, words)], capture_output=True, check=False, timeout=30)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["--records"],
        ["--format", "json", "--grep", "5 of", "--from-offset", "100"],
        ["-f", r"%t %o %k %s\n"],
    ],
)
def test_several_processes_write_what_one_does(partition: Path, words: list[str]):
    alone = ran(ALONE, *words, partition)

    assert alone[0] == 1
    assert ran(TOGETHER, *words, partition) == alone


def test_workers_do_all_the_jobs_but_the_first(partition: Path):
    assert ran(UNAIDED, "--records", partition) == ran(ALONE, "--records", partition)


def test_entries_of_an_index_do_not_pile_up_behind_a_job(partition: Path):
    assert ran(BOUNDED, "--records", partition) == ran(ALONE, "--records", partition)


@pytest.mark.parametrize("code", [FORSAKEN, REPLACED, NARROW], ids=["forsaken", "replaced", "narrow"])
def test_what_a_worker_cannot_do_is_done_all_the_same(partition: Path, code: str):
    assert ran(code, "--records", partition) == ran(ALONE, "--records", partition)


def test_a_closed_pipe_ends_all_of_them_silently(partition: Path):
    with subprocess.Popen(
        [sys.executable, "-c", TOGETHER, "--records", *[str(partition)] * 20],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"Dumping ")
        process.stdout.close()
        assert process.stderr.read() == b""  # which ends once all of them have
        assert process.wait(30) == 141

    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
