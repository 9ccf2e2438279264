"""kcat, where it is installed: Debian 12's is built on librdkafka 2.0.2."""

import json
import shutil
import subprocess

import pytest

from tests.interop.clients import ServedBroker

SECONDS = 30


@pytest.fixture(autouse=True)
def _kcat() -> None:
    if shutil.which("kcat") is None:
        pytest.skip("no kcat on this machine")


def kcat(broker: ServedBroker, *arguments: str, stdin: str = "") -> str:
    """Run kcat, which must end well and complain of nothing but that it reached an end."""
    command = ["kcat", "-b", broker.address, "-m", "10", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=SECONDS, check=False)
    complaints = [line for line in done.stderr.splitlines() if line and not line.startswith("% ")]
    assert (done.returncode, complaints) == (0, []), done.stderr
    return done.stdout


def test_what_it_publishes_it_reads_back_with_keys_and_headers(served: ServedBroker, topic: str):
    kcat(served, "-P", "-t", topic, "-K", ":", "-H", "trace=1", "-z", "lz4", stdin="a:one\nb:two\nc:three\n")

    printed = kcat(served, "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%o %k %s %h\n")

    assert printed.splitlines() == ["0 a one trace=1", "1 b two trace=1", "2 c three trace=1"]
    assert kcat(served, "-C", "-t", topic, "-o", "-1", "-e", "-q").splitlines() == ["three"]


def test_it_lists_brokers_topics_and_partitions(served: ServedBroker, topic: str):
    kcat(served, "-P", "-t", topic, stdin="one\n")

    listed = json.loads(kcat(served, "-L", "-J", "-t", topic))

    assert [broker["name"] for broker in listed["brokers"]] == [served.address]
    (found,) = listed["topics"]
    assert found["topic"] == topic
    assert [(each["partition"], each["leader"]) for each in found["partitions"]] == [(0, 1)]


def test_it_finds_an_offset_by_a_timestamp(served: ServedBroker, topic: str):
    kcat(served, "-P", "-t", topic, stdin="one\ntwo\n")
    at = kcat(served, "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-c", "1", "-f", "%T").strip()

    assert kcat(served, "-Q", "-t", f"{topic}:0:{at}").split()[-1] == "0"


def test_a_group_goes_on_where_it_was(served: ServedBroker, topic: str):
    kcat(served, "-P", "-t", topic, stdin="one\ntwo\n")
    member = ("-X", "auto.offset.reset=earliest", "-G", topic, topic, "-e", "-q")

    assert kcat(served, *member).splitlines() == ["one", "two"]
    kcat(served, "-P", "-t", topic, stdin="three\n")

    assert kcat(served, *member).splitlines() == ["three"]
