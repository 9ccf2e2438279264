"""The pytest plugin: a real broker for all tests of a session, topics and groups for each, clients for who wants ours.

Every pytest run of whoever has GoMQ installed imports this, so it imports nothing but pytest; the broker is imported by
the first test that asks for it.
"""

import os
import re
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    import pluggy

    import gomq
    import gomq.blocking
    from gomq.testing.thread import BrokerThread

_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9_-]+")
_MOST_OF_A_NAME: Final = 150
"""Topics' names have up to 249 characters, and what makes them unique needs room."""
_HEARTBEAT_SECONDS: Final = 0.1
"""So long it takes until a member hears of another; usually it is three seconds, for which each test would wait."""
_MARK: Final = "gomq_topic(partitions=1, configs={}): what the topic of the fixture gomq_topic is like"
_IS_KEPT: Final = pytest.StashKey[bool]()
_numbers: Final = count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the plugin's options to pytest's."""
    group = parser.getgroup("gomq", "a Kafka broker for tests (GoMQ)")
    group.addoption(
        "--gomq-keep-data", metavar="DIR", type=Path, help="copy the broker's data there when a test that uses it fails"
    )
    parser.addini("gomq_topics", "topics that the broker has from the start: NAME or NAME: PARTITIONS", type="linelist")
    parser.addini(
        "gomq_settings", "settings of the broker, as `gomq config docs` lists them: NAME = VALUE", type="linelist"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line("markers", _MARK)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Leave the broker to the next test as this one found it; one that has died makes this test fail, and is replaced.

    The faults end before the test's own fixtures do: clients are to close without them.
    """
    broker = _broker_of(item)
    if broker is not None:
        item.addfinalizer(partial(_restore, broker))  # the last is the first to run, and the others do if it fails


def _restore(broker: "BrokerThread") -> None:
    died = broker.restore()
    for fault in broker.own_faults():
        warnings.warn(fault, stacklevel=1)
    if died is not None:
        raise died


@pytest.hookimpl(hookwrapper=True)  # pytest 7 knows no other, and whoever has GoMQ installed loads this
def pytest_runtest_makereport(item: pytest.Item) -> "Generator[None, pluggy.Result[pytest.TestReport], None]":
    """Keep the data that a failed test leaves, once, whichever part of it fails."""
    report = (yield).get_result()
    directory: Path | None = item.config.getoption("--gomq-keep-data")
    if directory is None or not report.failed or item.stash.get(_IS_KEPT, False):
        return
    broker = _broker_of(item)
    if broker is not None:
        from gomq.testing.keeping import keep  # noqa: PLC0415 - only where something is kept

        item.stash[_IS_KEPT] = True
        where = item.config.invocation_params.dir / directory  # the test may have gone elsewhere
        report.sections.append(("the broker's data", keep(broker.data, where, _cleaned(item.nodeid))))


def _broker_of(item: pytest.Item) -> "BrokerThread | None":
    """Find the broker that a test uses.

    pytest's ``funcargs`` lacks one that a fixture asked for which then failed, or the test by ``getfixturevalue``.
    """
    definitions = getattr(getattr(item, "_request", None), "_fixture_defs", {})
    result = getattr(definitions.get("gomq_broker"), "cached_result", None)
    if result is None:
        return None
    from gomq.testing.thread import BrokerThread  # noqa: PLC0415 - it is there, as the test has one

    return result[0] if isinstance(result[0], BrokerThread) else None


@pytest.fixture(scope="session")
def gomq_broker_settings(pytestconfig: pytest.Config) -> Mapping[str, object]:
    """The broker's settings by name; define your own in ``conftest.py``, or give ``gomq_settings`` in the ini file."""
    from gomq.testing.settings import read_settings  # noqa: PLC0415 - see above

    return read_settings(pytestconfig.getini("gomq_settings"))


@pytest.fixture(scope="session")
def gomq_broker(pytestconfig: pytest.Config, gomq_broker_settings: Mapping[str, object]) -> "Iterator[BrokerThread]":
    """A broker that runs as long as the tests do, each of which finds it without faults and running."""
    from gomq.testing.settings import read_topics  # noqa: PLC0415 - see above
    from gomq.testing.thread import BrokerThread  # noqa: PLC0415 - see above

    topics = read_topics(pytestconfig.getini("gomq_topics"))
    with BrokerThread(topics=topics, settings=gomq_broker_settings) as broker:
        yield broker


@pytest.fixture
def gomq_bootstrap(gomq_broker: "BrokerThread") -> str:
    """HOST:PORT of the broker: what clients call ``bootstrap.servers``."""
    return gomq_broker.address


@pytest.fixture
def gomq_topic(request: pytest.FixtureRequest, gomq_broker: "BrokerThread") -> str:
    """A topic that no other test has; ``@pytest.mark.gomq_topic(partitions=3)`` says what it is like."""
    name = _unique_name(request.node.name)
    mark = request.node.get_closest_marker("gomq_topic")
    if mark is not None:
        gomq_broker.create_topic(name, *mark.args, **mark.kwargs)
    else:
        gomq_broker.create_topic(name)
    return name


@pytest.fixture
def gomq_group(request: pytest.FixtureRequest) -> str:
    """The name of a consumer group that no other test has."""
    return _unique_name(request.node.name)


@pytest.fixture
def gomq_producer(gomq_bootstrap: str) -> "Callable[..., gomq.Producer]":
    """Producers for tests on asyncio or trio, to be opened with ``async with``; they know the broker's address."""
    from gomq import Producer  # noqa: PLC0415 - see above

    def make(**settings: Any) -> Producer:  # noqa: ANN401 - those of gomq.Producer
        return Producer(gomq_bootstrap, **settings)

    return make


@pytest.fixture
def gomq_consumer(gomq_bootstrap: str) -> "Callable[..., gomq.Consumer]":
    """Consumers for tests on asyncio or trio: from the first message on, and fast in groups."""
    from gomq import Consumer  # noqa: PLC0415 - see above

    def make(topics: Any = None, **settings: Any) -> Consumer:  # noqa: ANN401 - those of gomq.Consumer
        return Consumer(gomq_bootstrap, topics, **_for_tests(settings))

    return make


@pytest.fixture
def gomq_blocking_producer(gomq_bootstrap: str) -> "Callable[..., gomq.blocking.Producer]":
    """Producers for tests without an event loop, to be opened with ``with``; they know the broker's address."""
    from gomq.blocking import Producer  # noqa: PLC0415 - see above

    def make(**settings: Any) -> Producer:  # noqa: ANN401 - those of gomq.blocking.Producer
        return Producer(gomq_bootstrap, **settings)

    return make


@pytest.fixture
def gomq_blocking_consumer(gomq_bootstrap: str) -> "Callable[..., gomq.blocking.Consumer]":
    """Consumers for tests without an event loop: as those of ``gomq_consumer``."""
    from gomq.blocking import Consumer  # noqa: PLC0415 - see above

    def make(topics: Any = None, **settings: Any) -> Consumer:  # noqa: ANN401 - those of gomq.blocking.Consumer
        return Consumer(gomq_bootstrap, topics, **_for_tests(settings))

    return make


def _for_tests(settings: dict[str, Any]) -> dict[str, Any]:
    """Begin with the first message, as who begins at the end misses what came before it was up, and rebalance fast."""
    from gomq import GroupSettings  # noqa: PLC0415 - see above

    chosen = settings if "start" in settings else {"replay": True, **settings}
    if isinstance(group := chosen.get("group"), str):
        chosen = {**chosen, "group": GroupSettings(group, heartbeat_interval=_HEARTBEAT_SECONDS)}
    return chosen


def _unique_name(test: str) -> str:
    """Make a name that a topic may have out of a test's, unique in this run and among xdist's workers."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    return "-".join((_cleaned(test), *([worker] if worker else []), str(next(_numbers))))


def _cleaned(name: str) -> str:
    return _NOT_IN_A_NAME.sub("-", name).strip("-")[:_MOST_OF_A_NAME]
