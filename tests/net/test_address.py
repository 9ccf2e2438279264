"""HOST:PORT is taken apart and put together again; anything else is one clear error."""

import pytest

from gomq.errors import ConfigurationError
from gomq.net.address import Address, parse_address, parse_addresses


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9092", Address("127.0.0.1", 9092)),
        ("localhost:0", Address("localhost", 0)),
        (" broker.example.org:65535 ", Address("broker.example.org", 65535)),
        ("[::1]:9092", Address("::1", 9092)),
        ("[fe80::1%eth0]:1", Address("fe80::1%eth0", 1)),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, address: Address):
    assert parse_address(text) == address
    assert str(address) == text.strip()
    assert parse_address(str(address)) == address


@pytest.mark.parametrize("text", ["localhost", "localhost:", "[::1]", "[::1]:"])
def test_a_missing_port_is_the_default_where_there_is_one(text: str):
    assert parse_address(text, default_port=9092).port == 9092
    with pytest.raises(ConfigurationError):
        parse_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "", ":", ":9092", "host:65536", "host:-1", "host:9092x", "host:९", "host: 9092", "a:b:1", "::1:9092",
        "[::1", "[::1]9092", "[]:9092", "kafka://host:9092", "host:1_000",
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_an_example(text: str):
    with pytest.raises(ConfigurationError, match="HOST:PORT is wanted"):
        parse_address(text, default_port=9092)


def test_a_list_is_separated_by_commas():
    assert parse_addresses("a:1, b,[::1]:3", default_port=2) == [Address("a", 1), Address("b", 2), Address("::1", 3)]


@pytest.mark.parametrize("text", ["", "a:1,", ",a:1", "a:1,,b:2"])
def test_a_list_has_no_empty_entry(text: str):
    with pytest.raises(ConfigurationError):
        parse_addresses(text, default_port=9092)
