"""What can be subscribed to, and which partitions that is."""

import re
from typing import Any

import pytest

import gomq
from gomq.client.cluster.metadata import PartitionMetadata, TopicMetadata
from gomq.client.consuming.subscription import chosen_subscription
from gomq_storage.layout import TopicPartition


def topic(name: str, partitions: int = 1, *, error_code: int = 0, is_internal: bool = False) -> TopicMetadata:
    found = tuple(PartitionMetadata(index=index, leader=1) for index in range(partitions))
    return TopicMetadata(name=name, error_code=error_code, is_internal=is_internal, partitions=found)


KNOWN = {
    each.name: each
    for each in (
        topic("orders", 2),
        topic("orders.dead"),
        topic("more.orders"),
        topic("orders.gone", error_code=3),
        topic("__consumer_offsets", 50, is_internal=True),
    )
}


@pytest.mark.parametrize(
    ("topics", "names", "wanted"),
    [
        ("orders", ["orders"], [("orders", 0), ("orders", 1)]),
        (
            ["orders.dead", "orders", "orders"],
            ["orders.dead", "orders"],
            [("orders", 0), ("orders", 1), ("orders.dead", 0)],
        ),
        ("__consumer_offsets", ["__consumer_offsets"], [("__consumer_offsets", index) for index in range(50)]),
        (re.compile(r"orders"), None, [("orders", 0), ("orders", 1)]),
        (re.compile(r"orders.*"), None, [("orders", 0), ("orders", 1), ("orders.dead", 0)]),
        (re.compile(r".*"), None, [("more.orders", 0), ("orders", 0), ("orders", 1), ("orders.dead", 0)]),
        (re.compile(r"nothing"), None, []),
    ],
)
def test_topics_stand_for_their_partitions(topics: Any, names: list[str] | None, wanted: list[TopicPartition]):
    subscription = chosen_subscription(topics, None)

    assert subscription.names == names
    assert subscription.wanted(KNOWN) == wanted


def test_partitions_stand_for_themselves():
    a_pair: Any = ("orders.dead", 0)  # does as well
    chosen = [TopicPartition("orders", 1), a_pair, TopicPartition("orders", 1)]
    subscription = chosen_subscription(None, chosen)

    assert subscription.names == ["orders", "orders.dead"]
    assert subscription.wanted(KNOWN) == [("orders", 1), ("orders.dead", 0)]
    subscription.check_partitions(KNOWN)


@pytest.mark.parametrize(
    ("partition", "complaint"),
    [
        (("orders", 2), "topic 'orders' has no partition 2: it has 2, from 0 to 1"),
        (("nowhere", 0), "topic 'nowhere' has no partition 0: it has none"),
    ],
)
def test_a_partition_that_does_not_exist_is_named(partition: TopicPartition, complaint: str):
    with pytest.raises(gomq.UnknownTopicError, match=complaint):
        chosen_subscription(None, [partition]).check_partitions(KNOWN)


@pytest.mark.parametrize(
    ("topics", "partitions", "complaint"),
    [
        (None, None, "give one of the two"),
        ("orders", [("orders", 0)], "give one of the two"),
        ([], None, "topics is empty"),
        (None, [], "partitions is empty"),
        (5, None, None),
        ([b"orders"], None, "topics are names, a list of names or a compiled pattern, not b'orders'"),
        (re.compile(b"orders"), None, "of text"),
        ("no/slashes", None, "'no/slashes' has characters"),
        ("", None, "must not be empty"),
        (None, ["orders"], r"pairs such as TopicPartition\('orders', 0\), not 'orders'"),
        (None, [("orders", -1)], "not .*-1"),
        (None, [0], "not 0"),
    ],
)
def test_what_can_be_no_subscription_is_refused(topics: Any, partitions: Any, complaint: str | None):
    with pytest.raises((gomq.ConfigurationError, TypeError), match=complaint):
        gomq.Consumer("localhost", topics, partitions=partitions)
