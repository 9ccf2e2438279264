"""docs/testing.md: its examples are tests, and pass; what it names is there."""

import re
import textwrap

import pytest

from gomq.testing import BrokerThread, Faults
from tests.support.documented import examples, page

pytest_plugins = ["pytester"]

TEXT = page("testing.md")
CONFTEST = """
import pytest

@pytest.fixture(params=["asyncio"])  # aiokafka knows no other
def anyio_backend(request):
    return request.param
"""
INI = """
[pytest]
anyio_mode = auto
addopts = --import-mode=importlib -p no:cacheprovider -p no:timeout -p no:asyncio -p no:aiokafka
filterwarnings =
    error
"""


def test_every_example_is_a_test_that_passes(pytester: pytest.Pytester):
    found = examples(TEXT)
    pytester.makeconftest(CONFTEST)
    pytester.makefile(".ini", pytest=INI)
    pytester.makepyfile(**{f"test_example_{number}": example for number, example in enumerate(found)})

    result = pytester.runpytest_inprocess("-q")

    tests = sum(len(re.findall(r"^(?:async )?def test_", example, re.MULTILINE)) for example in found)
    assert tests >= 9
    result.assert_outcomes(passed=tests)


def test_the_ini_file_that_it_shows_is_read(pytester: pytest.Pytester):
    (ini,) = re.findall(r"```ini\n(.*?)```", TEXT, re.DOTALL)
    pytester.makefile(".ini", pytest=ini)
    pytester.makepyfile("def test(gomq_broker): assert gomq_broker.topics() == ['bills', 'orders']")

    pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:timeout").assert_outcomes(passed=1)


def test_every_method_that_it_names_is_there():
    named = set(re.findall(r"^\| .*? \|", section("## What a test asks of the broker", "## Faults"), re.MULTILINE))
    methods = set(re.findall(r"`(\w+)", " ".join(named)))
    rules = set(re.findall(r"`faults\.(\w+)", TEXT))

    assert methods - set(dir(BrokerThread)) == {"faults"}
    assert rules <= {*dir(Faults), "clear"}
    assert "faults" in vars(BrokerThread())


def test_every_public_method_is_named():
    public = {name for name in dir(BrokerThread) if not name.startswith("_")}

    missing = {name for name in public if not re.search(rf"\b{name}\b", TEXT)}
    assert missing == {"check", "restore", "is_running"}, textwrap.shorten(str(missing), 200)


def section(start: str, end: str) -> str:
    return TEXT.partition(start)[2].partition(end)[0]
