"""The table of settings: complete, without ambiguity, and with texts that go both ways."""

import dataclasses
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from gomq.broker.config import BrokerConfig
from gomq.broker.configs.settings import BY_FIELD, BY_KAFKA_NAME, BY_NAME, SETTINGS, Setting, all_fields, with_values
from gomq.errors import ConfigurationError
from gomq_storage.config import CleanupPolicy, LogConfig

CONFIG = BrokerConfig(data=Path("data"))


def by_name(setting: Setting) -> str:
    return setting.name


def test_every_field_of_the_settings_is_in_the_table():
    assert all_fields() == set(BY_FIELD), "add a line to gomq/broker/configs/broker_settings.py or client_settings.py"


def test_no_name_option_or_variable_means_two_things():
    for names in (BY_NAME, BY_KAFKA_NAME, BY_FIELD, {each.option for each in SETTINGS}):
        assert len(names) == len(SETTINGS)
    assert len({each.variable for each in SETTINGS}) == len(SETTINGS)
    for one, other in permutations(SETTINGS, 2):
        assert one.wire_name != other.name


@pytest.mark.parametrize("setting", SETTINGS, ids=by_name)
def test_a_default_is_written_as_it_is_read(setting: Setting):
    value = setting.value(CONFIG)

    assert setting.documentation.endswith(".")
    assert setting.kafka_name != setting.name
    if value is not None or setting.text(CONFIG):
        assert setting.parse(setting.text(CONFIG)) == value
        read = setting.parse_kafka(setting.kafka_text(CONFIG))
        assert with_values(CONFIG, {setting.field: read}) == CONFIG or setting.field == "listen"


@pytest.mark.parametrize("setting", [each for each in SETTINGS if each.field != "data"], ids=by_name)
def test_what_no_setting_can_be_is_refused_by_its_name(setting: Setting):
    with pytest.raises(ValueError, match=f"^{setting.name} must be .*, not ':'$"):
        setting.parse(":")


@given(st.sampled_from(SETTINGS), st.booleans(), st.text(max_size=50))
def test_any_text_is_a_value_or_one_clear_error(setting: Setting, by_kafka: bool, text: str):
    parse = setting.parse_kafka if by_kafka else setting.parse
    kind = (setting.kafka_kind or setting.kind) if by_kafka else setting.kind
    try:
        value = parse(text)
    except ValueError as error:
        message = str(error)
    else:
        message = f" must be {value}"
        written = kind.write(value)
        assert kind.write(parse(written)) == written
    assert " must be " in message


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("flush", "Never", "never"),
        ("flush_interval", "0.25", 0.25),
        ("partitions", "7", 7),
        ("auto_create", "no", False),
        ("auto_create", "TRUE", True),
        ("listen", " A://:1 , B://:2 ", "A://:1,B://:2"),
        ("advertise", "", None),
        ("advertise", "host", "host"),
        ("metrics_listen", "[::1]:9644", "[::1]:9644"),
        ("log.retention.check.interval.ms", "1500", 1.5),
        ("log.cleaner.io.max.bytes.per.second", "1.7976931348623157E308", None),
        ("log.cleaner.io.max.bytes.per.second", "1e6", 1e6),
        ("offsets.retention.minutes", "2", 120_000),
        ("queued.max.request.bytes", "-1", None),
        ("log.retention.ms", "-1", None),
        ("log.cleanup.policy", "compact,delete", CleanupPolicy.COMPACT | CleanupPolicy.DELETE),
    ],
)
def test_texts_and_what_they_mean(name: str, text: str, value: Any):
    assert BY_NAME[name].parse(text) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("partitions", "0"),
        ("partitions", "1_0"),
        ("partitions", "٣"),
        ("partitions", "9" * 50),
        ("flush_interval", "0"),
        ("flush_interval", "nan"),
        ("flush_interval", "inf"),
        ("auto_create", "maybe"),
        ("listen", "a:1,,b:2"),
        ("listen", "127.0.0.1"),
        ("metrics_listen", "a:1,b:2"),
        ("data", ""),
        ("log.segment.bytes", "13"),
        ("max.connections.per.ip.overrides", "here"),
    ],
)
def test_what_is_out_of_bounds_is_refused(name: str, text: str):
    with pytest.raises(ValueError, match=f"^{name} must be "):
        BY_NAME[name].parse(text)


def test_kafkas_unit_is_used_in_kafkas_requests():
    setting = BY_NAME["flush_interval"]

    assert (setting.text(CONFIG), setting.kafka_text(CONFIG)) == ("1", "1000")
    assert setting.parse_kafka("250") == 0.25
    assert BY_NAME["listen"].kafka_text(CONFIG) == "PLAINTEXT://127.0.0.1:9092"


def test_values_are_put_into_both_kinds_of_field():
    changed = with_values(CONFIG, {"default_partitions": 3, "log.retention_ms": 5})

    assert (changed.default_partitions, changed.log.retention_ms) == (3, 5)
    assert dataclasses.replace(changed, default_partitions=1, log=LogConfig()) == CONFIG
    with pytest.raises(ConfigurationError):
        with_values(CONFIG, {"flush_interval": -1.0})
