"""What the tests of the mirror share."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """The mirror is made of clients that are tested on all loops; where it matters a test asks for both itself."""
    return "asyncio"
