"""Listeners and what is advertised for them: taken apart, matched, and refused in one line that says what to do."""

import pytest

from gomq.errors import ConfigurationError
from gomq.net.address import Address
from gomq.net.endpoints import Endpoint, parse_endpoints


@pytest.mark.parametrize(
    ("listen", "expected"),
    [
        ("127.0.0.1:9092", [("PLAINTEXT", Address("127.0.0.1", 9092))]),
        (":9092", [("PLAINTEXT", Address("", 9092))]),
        ("[::1]:0", [("PLAINTEXT", Address("::1", 0))]),
        (
            "INTERNAL://0.0.0.0:9092, external://:19092",
            [("INTERNAL", Address("0.0.0.0", 9092)), ("EXTERNAL", Address("", 19092))],
        ),
        ("a:1,b:2", [("PLAINTEXT", Address("a", 1)), ("PLAINTEXT_2", Address("b", 2))]),
        ("A://127.0.0.1:9092,B://10.0.0.1:9092", [("A", Address("127.0.0.1", 9092)), ("B", Address("10.0.0.1", 9092))]),
        ("A://0.0.0.0:9092,B://[::1]:9092", [("A", Address("0.0.0.0", 9092)), ("B", Address("::1", 9092))]),
    ],
)
def test_listeners_have_names_and_addresses(listen: str, expected: list[tuple[str, Address]]):
    assert [(endpoint.name, endpoint.address) for endpoint in parse_endpoints(listen)] == expected


@pytest.mark.parametrize(
    ("listen", "advertise", "expected"),
    [
        (":9092", None, [None]),
        (":9092", "broker.example.org:19092", [Address("broker.example.org", 19092)]),
        (":9092", "broker.example.org", [Address("broker.example.org", 0)]),
        (":9092", "PLAINTEXT://[2001:db8::1]:1", [Address("2001:db8::1", 1)]),
        ("IN://:1,OUT://:2", "out://host:3", [None, Address("host", 3)]),
        ("IN://:1,OUT://:2", "OUT://host:3,IN://other", [Address("other", 0), Address("host", 3)]),
    ],
)
def test_what_is_advertised_belongs_to_a_listener(listen: str, advertise: str | None, expected: list[Address | None]):
    assert [endpoint.advertised for endpoint in parse_endpoints(listen, advertise)] == expected


@pytest.mark.parametrize(
    ("listen", "advertise", "message"),
    [
        ("127.0.0.1", None, "'127.0.0.1' is not an address: HOST:PORT is wanted"),
        ("", None, "HOST:PORT is wanted"),
        ("a:1,", None, "HOST:PORT is wanted"),
        ("a b://c:1", None, "a listener's name has letters, digits"),
        ("SASL_SSL://:9093", None, "neither TLS nor authentication here"),
        ("ssl://:9093", None, "neither TLS nor authentication here"),
        ("A://a:1,a://b:2", None, "two listeners are called A"),
        ("A://a:1,B://a:1", None, "listeners A and B both want port 1"),
        ("A://:1,B://127.0.0.1:1", None, "both want port 1"),
        ("A://0.0.0.0:1,B://127.0.0.1:1", None, "both want port 1"),
        ("A://[::]:1,B://0.0.0.0:1", None, "both want port 1"),
        (",".join(f"h:{port}" for port in range(1, 66)), None, "there may be 64 listeners, not 65"),
        (":1", "0.0.0.0:1", "no client can connect to 0.0.0.0:1: advertise a host"),
        (":1", "[::]:1", "no client can connect to"),
        ("A://:1,B://:2", "host:1", "say for which of several listeners: A://host:1"),
        ("A://:1,B://:2", "C://host:1", "C is advertised, but the listeners are A, B"),
        ("A://:1", "A://x:1,A://y:1", "A is advertised twice"),
    ],
)
def test_what_cannot_be_is_one_line_that_says_what_to_do(listen: str, advertise: str | None, message: str):
    with pytest.raises(ConfigurationError) as caught:
        parse_endpoints(listen, advertise)

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_port_0_is_a_different_one_for_each():
    assert len(parse_endpoints("A://127.0.0.1:0,B://127.0.0.1:0")) == 2


def test_an_endpoint_is_a_value():
    assert parse_endpoints("a:1") == [Endpoint("PLAINTEXT", Address("a", 1), None)]
