"""Brokers for the tests of the tool that makes brokers for tests."""

from collections.abc import Iterator

import pytest

from gomq.testing import BrokerThread


@pytest.fixture
def thread() -> Iterator[BrokerThread]:
    """A broker of the test's own, which it may end as it likes."""
    with BrokerThread() as broker:
        yield broker
