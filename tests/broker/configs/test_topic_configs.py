"""Topic configs as text and as a log's settings: every one of Kafka's, honoured or with the one value that it has."""

from dataclasses import fields

import pytest
from hypothesis import given, strategies as st

from gomq.broker.configs.topic_config_table import MAX_LONG, TOPIC_CONFIGS
from gomq.broker.configs.topic_configs import (
    ConfigEntry,
    Synonym,
    apply_topic_configs,
    list_items,
    topic_config_entries,
)
from gomq.protocol.configs import ConfigSource, ConfigType
from gomq_storage.config import CleanupPolicy, LogConfig, TimestampType

DEFAULTS = LogConfig()
HONOURED = [config for config in TOPIC_CONFIGS.values() if config.field is not None]
FIXED = [config for config in TOPIC_CONFIGS.values() if config.field is None]


def own(name: str, value: str, *, defaults: LogConfig = DEFAULTS) -> str:
    """What a config is said to be once it is set."""
    apply_topic_configs(defaults, {name: value})
    (entry,) = [entry for entry in topic_config_entries(defaults, {name: value}) if entry.name == name]
    assert entry.source is ConfigSource.TOPIC
    return entry.value


def test_every_field_of_a_logs_settings_is_a_topic_config():
    assert sorted(config.field or "" for config in HONOURED) == sorted(field.name for field in fields(LogConfig))
    assert list(TOPIC_CONFIGS) == sorted(TOPIC_CONFIGS)


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("retention.ms", "1000", "retention_ms", 1000),
        ("retention.ms", "-1", "retention_ms", None),
        ("retention.bytes", "0", "retention_bytes", 0),
        ("retention.bytes", "-1", "retention_bytes", None),
        ("segment.ms", " 7 ", "segment_ms", 7),
        ("segment.bytes", "+1048576", "segment_bytes", 1 << 20),
        ("max.compaction.lag.ms", str(MAX_LONG), "max_compaction_lag_ms", None),
        ("max.compaction.lag.ms", "1", "max_compaction_lag_ms", 1),
        ("min.cleanable.dirty.ratio", ".25", "min_cleanable_dirty_ratio", 0.25),
        ("min.cleanable.dirty.ratio", "1e-3", "min_cleanable_dirty_ratio", 0.001),
        ("message.timestamp.type", "LogAppendTime", "message_timestamp_type", TimestampType.LOG_APPEND_TIME),
        ("cleanup.policy", "delete", "cleanup_policy", CleanupPolicy.DELETE),
        ("cleanup.policy", "compact", "cleanup_policy", CleanupPolicy.COMPACT),
        ("cleanup.policy", "compact,delete", "cleanup_policy", CleanupPolicy.COMPACT | CleanupPolicy.DELETE),
        ("cleanup.policy", "delete, compact,delete", "cleanup_policy", CleanupPolicy.COMPACT | CleanupPolicy.DELETE),
        ("cleanup.policy", "", "cleanup_policy", CleanupPolicy.NONE),
    ],
)
def test_a_text_becomes_a_setting_of_the_log(name: str, value: str, field: str, expected: object):
    assert getattr(apply_topic_configs(DEFAULTS, {name: value}), field) == expected


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("retention.ms", "-2", "an integer from -1 to 9223372036854775807"),
        ("retention.ms", "", "an integer"),
        ("retention.ms", "1e3", "an integer"),
        ("retention.ms", "1_000", "an integer"),
        ("retention.ms", "\u0661", "an integer"),
        ("retention.ms", "9" * 5000, "an integer"),
        ("delete.retention.ms", str(2**63), "an integer from 0 to"),
        ("segment.ms", "0", "an integer from 1 to"),
        ("segment.bytes", "13", "an integer from 14 to 2147483647"),
        ("segment.bytes", str(2**31), "an integer from 14 to 2147483647"),
        ("max.message.bytes", str(2**31), "an integer from 0 to 2147483647"),
        ("max.compaction.lag.ms", "0", "an integer from 1 to"),
        ("min.cleanable.dirty.ratio", "1.1", "a number from 0 to 1"),
        ("min.cleanable.dirty.ratio", "nan", "a number from 0 to 1"),
        ("min.cleanable.dirty.ratio", "1e999", "a number from 0 to 1"),
        ("cleanup.policy", "none", "any of compact, delete"),
        ("cleanup.policy", "Delete", "any of compact, delete"),
        ("cleanup.policy", "delete,", "any of compact, delete"),
        ("compression.type", "zstd", "producer, as every topic has it"),
        ("message.timestamp.type", "logappendtime", "CreateTime or LogAppendTime"),
        ("min.insync.replicas", "2", "1, as every topic has it"),
    ],
)
def test_a_value_that_cannot_be_is_told_with_those_that_can(name: str, value: str, allowed: str):
    with pytest.raises(ValueError, match=rf"^{name} must be {allowed}.*, not '") as caught:
        apply_topic_configs(DEFAULTS, {name: value})
    assert len(str(caught.value)) < 300


def test_an_unknown_config_is_told_with_those_that_there_are():
    with pytest.raises(ValueError, match=r"no topic config 'colour'; .*retention\.ms"):
        apply_topic_configs(DEFAULTS, {"colour": "blue"})


def test_null_is_no_value():
    with pytest.raises(ValueError, match=r"retention\.ms must have a value"):
        apply_topic_configs(DEFAULTS, {"retention.ms": None})


@pytest.mark.parametrize("config", FIXED, ids=lambda config: config.name)
def test_what_is_fixed_may_be_set_to_what_it_is(config):
    assert apply_topic_configs(DEFAULTS, {config.name: config.fixed}) == DEFAULTS
    assert own(config.name, config.fixed.upper()) == config.fixed


def test_the_smallest_lag_of_compaction_is_not_more_than_the_largest():
    with pytest.raises(
        ValueError, match=r"min\.compaction\.lag\.ms=10 must not be more than max\.compaction\.lag\.ms=5"
    ):
        apply_topic_configs(DEFAULTS, {"min.compaction.lag.ms": "10", "max.compaction.lag.ms": "5"})
    defaults = LogConfig(min_compaction_lag_ms=10)
    with pytest.raises(ValueError, match=r"min\.compaction\.lag\.ms=10 must not be more"):
        apply_topic_configs(defaults, {"max.compaction.lag.ms": "5"})
    assert apply_topic_configs(defaults, {"max.compaction.lag.ms": "10"}).max_compaction_lag_ms == 10


def test_what_is_not_set_is_the_brokers():
    defaults = LogConfig(retention_ms=5, segment_bytes=1000)
    assert apply_topic_configs(defaults, {"segment.bytes": "2000"}) == LogConfig(retention_ms=5, segment_bytes=2000)


def test_what_was_set_for_the_broker_while_it_ran_counts_more_than_what_it_was_started_with():
    layers = (
        (ConfigSource.DYNAMIC_BROKER, {"log.retention.ms": " 3"}),
        (ConfigSource.DYNAMIC_DEFAULT_BROKER, {"log.retention.ms": "4", "log.cleanup.policy": "delete, compact"}),
    )
    entries = {entry.name: entry for entry in topic_config_entries(LogConfig(retention_ms=5), {}, layers)}
    assert [(each.name, each.value, each.source) for each in entries["retention.ms"].synonyms] == [
        ("log.retention.ms", "3", ConfigSource.DYNAMIC_BROKER),
        ("log.retention.ms", "4", ConfigSource.DYNAMIC_DEFAULT_BROKER),
        ("log.retention.ms", "5", ConfigSource.STATIC_BROKER),
        ("log.retention.ms", "-1", ConfigSource.DEFAULT),
    ]
    assert (entries["cleanup.policy"].value, entries["cleanup.policy"].source) == (
        "delete,compact",
        ConfigSource.DYNAMIC_DEFAULT_BROKER,
    )


def test_nobody_is_told_a_secret():
    synonyms = (Synonym(name="password", value="secret", source=ConfigSource.STATIC_BROKER),)
    entry = ConfigEntry(
        name="password", type=ConfigType.PASSWORD, documentation="", synonyms=synonyms, is_sensitive=True
    )
    told = entry.response(synonyms=True)
    assert (told["value"], told["is_sensitive"], told["synonyms"][0]["value"]) == (None, True, None)


def test_a_list_is_told_in_the_order_in_which_it_was_given():
    assert own("cleanup.policy", "delete, compact,delete") == "delete,compact"
    assert own("cleanup.policy", "compact,delete") == "compact,delete"
    assert own("cleanup.policy", " ") == ""


@pytest.mark.parametrize(("given_text", "told"), [(" 7 ", "7"), ("+07", "7"), ("-1", "-1")])
def test_a_number_is_told_as_a_number(given_text: str, told: str):
    assert own("retention.ms", given_text) == told


def test_every_place_that_gives_a_config_its_value_is_told_what_counts_most_first():
    defaults = LogConfig(retention_ms=5000)
    entries = {entry.name: entry for entry in topic_config_entries(defaults, {"retention.ms": "7"})}
    assert [(each.name, each.value, each.source) for each in entries["retention.ms"].synonyms] == [
        ("retention.ms", "7", ConfigSource.TOPIC),
        ("log.retention.ms", "5000", ConfigSource.STATIC_BROKER),
        ("log.retention.ms", "-1", ConfigSource.DEFAULT),
    ]
    others = topic_config_entries(defaults, {})
    assert {entry.name: entry.source for entry in others if entry.source is not ConfigSource.DEFAULT} == {
        "retention.ms": ConfigSource.STATIC_BROKER
    }


def _texts(name: str) -> st.SearchStrategy[str]:
    config = TOPIC_CONFIGS[name]
    if config.type is ConfigType.LIST:
        return st.lists(st.sampled_from(["compact", "delete"]), max_size=3).map(",".join)
    if config.choices:
        return st.sampled_from([str(each) for each in config.choices])
    if config.type is ConfigType.DOUBLE:
        return st.floats(config.least, config.most).map(str)
    return st.integers(config.least, config.most).map(str)


@given(st.fixed_dictionaries({}, optional={config.name: _texts(config.name) for config in HONOURED}))
def test_what_is_told_of_a_topic_makes_the_same_topic(configs: dict[str, str]):
    try:
        settings = apply_topic_configs(DEFAULTS, configs)
    except ValueError as error:
        assert "must not be more than" in str(error)  # noqa: PT017 - each text alone is fine
        return
    told = {entry.name: entry.value for entry in topic_config_entries(DEFAULTS, configs)}
    assert apply_topic_configs(DEFAULTS, told) == settings
    assert apply_topic_configs(LogConfig(retention_ms=1, cleanup_policy=CleanupPolicy.COMPACT), told) == settings


@given(st.text(max_size=30))
def test_any_text_at_all_is_a_value_or_told_to_be_none(text: str):
    for name in TOPIC_CONFIGS:
        try:
            apply_topic_configs(DEFAULTS, {name: text})
        except ValueError as error:
            assert str(error).startswith(name)  # noqa: PT017 - which of the two is for the tests above


def test_blank_text_is_an_empty_list():
    assert list_items("  ") == []
    assert list_items("a, b,a") == ["a", "b"]
