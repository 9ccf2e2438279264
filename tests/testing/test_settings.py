"""Settings of a test's broker, by whatever name people know them."""

from pathlib import Path

import pytest

from gomq.broker import BrokerConfig, FlushMode
from gomq.errors import ConfigurationError
from gomq.testing.settings import broker_config, read_settings, read_topics

DATA = Path("data")


def test_what_suits_tests_is_the_default():
    config = broker_config(DATA, None, {})

    assert (config.data, config.listen, config.flush) == (DATA, "127.0.0.1:0", FlushMode.NEVER)
    assert config.group_initial_rebalance_delay_ms == 0


@pytest.mark.parametrize("given", [{"default_partitions": 3}, {"partitions": "3"}, {"num.partitions": 3}])
def test_a_setting_goes_by_its_field_its_option_or_kafkas_name(given: dict[str, object]):
    assert broker_config(DATA, None, given).default_partitions == 3


def test_texts_are_read_as_on_the_command_line():
    given = {"flush": "always", "auto.create.topics.enable": False, "log.segment.bytes": "2000000"}

    config = broker_config(DATA, None, given)

    assert (config.flush, config.auto_create_topics, config.log.segment_bytes) == (FlushMode.ALWAYS, False, 2_000_000)


def test_a_config_counts_but_for_its_data_directory():
    config = broker_config(DATA, BrokerConfig(data=Path("elsewhere"), node_id=7), {"default_partitions": 2})

    assert (config.data, config.node_id, config.default_partitions, config.flush) == (DATA, 7, 2, FlushMode.ALWAYS)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"partitons": 3}, "there is no setting 'partitons'; did you mean partitions?"),
        ({"qqq": 3}, "there is no setting 'qqq'; `gomq config docs` lists"),
        ({"data": "x"}, "the data directory is given as data="),
        ({"partitions": "many"}, "partitions must be"),
        ({"default_partitions": 0}, "default_partitions must be 1 to"),
    ],
)
def test_what_cannot_be_is_refused_and_says_what_would_do(given: dict[str, object], words: str):
    with pytest.raises(ConfigurationError, match=words.replace("?", r"\?")):
        broker_config(DATA, None, given)


def test_lines_of_an_ini_file_are_read():
    assert read_settings(["partitions = 3", "log.retention.ms=1000"]) == {"partitions": "3", "log.retention.ms": "1000"}
    assert read_topics(["orders", "bills: 3"]) == {"orders": 1, "bills": 3}


def test_lines_that_are_not_of_the_form_are_refused():
    with pytest.raises(ConfigurationError, match="gomq_settings: 'partitions 3' is not of the form NAME = VALUE"):
        read_settings(["partitions 3"])
    with pytest.raises(ConfigurationError, match="gomq_topics: 'orders: many' is not of the form NAME or NAME: PARTI"):
        read_topics(["orders: many"])
