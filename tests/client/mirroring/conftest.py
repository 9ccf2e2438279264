"""What the tests of the mirror share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import gomq
from gomq.client.mirroring import copying
from tests.support.mirroring import Pair


@pytest.fixture
def anyio_backend() -> str:
    """The mirror is made of clients that are tested on all loops; where it matters a test asks for both itself."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have acknowledgements taken note of sooner while a source has nothing new, as tests wait for it."""
    monkeypatch.setattr(copying, "_LOOK_SECONDS", 0.02)


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with (
        gomq.Broker(data=tmp_path / "source", listen="127.0.0.1:0", flush="never") as source,
        gomq.Broker(data=tmp_path / "target", listen="127.0.0.1:0", flush="never") as target,
    ):
        yield Pair(source, target)
