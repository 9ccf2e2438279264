"""Names on disk are Kafka's, and what is not ours is not touched."""

import pytest
from hypothesis import given, strategies as st

from gomq_storage.layout import (
    LOG_SUFFIX,
    OFFSET_INDEX_SUFFIX,
    TIME_INDEX_SUFFIX,
    TopicPartition,
    deleted_directory_name,
    is_deleted_directory_name,
    parse_partition_directory_name,
    parse_segment_file_name,
    partition_directory_name,
    segment_file_name,
    topic_name_problem,
)

topics = st.from_regex(r"[a-zA-Z0-9._-]{1,249}", fullmatch=True).filter(lambda name: name not in {".", ".."})
partitions = st.builds(TopicPartition, topics, st.integers(0, 2**31 - 1))
suffixes = st.sampled_from([LOG_SUFFIX, OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX])
UNIQUE_ID = "0123456789abcdef" * 2


def test_these_names_are_kafkas():
    assert segment_file_name(42) == "00000000000000000042.log"
    assert segment_file_name(2**63 - 1, TIME_INDEX_SUFFIX) == "09223372036854775807.timeindex"
    assert partition_directory_name(TopicPartition("my-topic", 3)) == "my-topic-3"
    assert deleted_directory_name(TopicPartition("a", 0), UNIQUE_ID) == f"a-0.{UNIQUE_ID}-delete"


@given(st.integers(0, 2**63 - 1), suffixes)
def test_a_segments_file_name_is_read_back(base_offset: int, suffix: str):
    assert parse_segment_file_name(segment_file_name(base_offset, suffix)) == (base_offset, suffix)


@pytest.mark.parametrize(
    "name",
    [
        "", "0.log", "00000000000000000042.LOG", "00000000000000000042.log\n", "00000000000000000042.log.torn",
        "00000000000000000042.log.deleted", "00000000000000000042.log.swap", "00000000000000000042.snapshot",
        "-0000000000000000042.log", "0000000000000000004x.log", "000000000000000000042.log",
        "٠٠٠٠٠٠٠٠٠٠٠٠٠٠٠٠٠٠٤٢.log", "09223372036854775808.log", "99999999999999999999.index",
    ],
)  # fmt: skip
def test_other_files_are_not_ours(name: str):
    assert parse_segment_file_name(name) is None


@given(partitions)
def test_a_partitions_folder_is_read_back(partition: TopicPartition):
    assert parse_partition_directory_name(partition_directory_name(partition)) == partition


@pytest.mark.parametrize(
    "name",
    [
        "", "orders", "orders-", "-0", "orders-00", "orders-01", "orders--1x", "..-0", ".-0", "a/b-0", "a\0-0", "a\n-0",
        "orders-0\n", "é-0", "orders-٣", "x" * 250 + "-0", "orders-2147483648", f"orders-0.{UNIQUE_ID}-delete",
        "orders-0-stray.bak",
    ],
)  # fmt: skip
def test_other_folders_are_not_ours(name: str):
    assert parse_partition_directory_name(name) is None


@given(partitions)
def test_a_folder_that_is_being_removed_is_known_as_such_and_as_nothing_else(partition: TopicPartition):
    name = deleted_directory_name(partition, UNIQUE_ID)

    assert is_deleted_directory_name(name)
    assert parse_partition_directory_name(name) is None
    assert len(name) <= 255


@given(partitions)
def test_a_partitions_folder_is_never_taken_for_one_that_is_being_removed(partition: TopicPartition):
    assert not is_deleted_directory_name(partition_directory_name(partition))


@pytest.mark.parametrize("name", ["notes-delete", "-delete", "orders-0-delete", f"orders.{UNIQUE_ID}-delete"])
def test_a_folder_that_only_ends_like_one_is_not_removed(name: str):
    assert not is_deleted_directory_name(name)


@given(topics)
def test_any_of_these_characters_may_be_in_a_topics_name(name: str):
    assert topic_name_problem(name) is None


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/b", "../x", "a\0", "a\n", "a b", "é", "．", "a:b", "x" * 250],  # noqa: RUF001 - the full-width dot
    ids=repr,
)
def test_other_topic_names_are_refused_with_a_reason(name: str):
    assert topic_name_problem(name)
