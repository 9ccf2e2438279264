"""At least once, however messages are asked for: a member that is killed has committed nothing it had not handled."""

from pathlib import Path

import pytest

from tests.client.delivering.test_killed_consumers import kill_again_and_again

WAYS = ["messages", "batches", "take", "commit"]


def test_nothing_is_committed_that_was_not_handled(tmp_path: Path):
    kill_again_and_again(tmp_path, cycles=3, count=80, seed=1, backend="asyncio", ways=WAYS)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("way", WAYS)
def test_so_it_is_over_many_lives(tmp_path: Path, way: str, backend: str):
    kill_again_and_again(tmp_path, cycles=20, count=4_000, seed=2, backend=backend, ways=[way])
