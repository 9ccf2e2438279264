"""Limits as they are written, and checked when they are made."""

import pytest

from gomq.errors import ConfigurationError
from gomq.net.limits import ConnectionLimits, parse_overrides, plain_address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("192.0.2.1:100", {"192.0.2.1": 100}),
        (" 192.0.2.1:1 , 2001:db8::1:5,", {"192.0.2.1": 1, "2001:db8::1": 5}),
        ("[2001:db8::1]:0", {"2001:db8::1": 0}),
        ("::ffff:192.0.2.1:7", {"192.0.2.1": 7}),
    ],
)
def test_overrides_are_addresses_and_counts(text: str, expected: dict[str, int]):
    assert parse_overrides(text) == expected


@pytest.mark.parametrize("text", ["192.0.2.1", ":5", "a:b", "a:-1", "a:²"])
def test_what_is_no_override_is_said_with_an_example(text: str):
    with pytest.raises(ConfigurationError, match=r"ADDRESS:COUNT is wanted, such as 192\.0\.2\.1:100"):
        parse_overrides(text)


def test_an_override_takes_the_place_of_the_limit():
    limits = ConnectionLimits(connections_per_ip=2, connections_per_ip_overrides={"192.0.2.1": 5})
    assert (limits.connections_of("192.0.2.1"), limits.connections_of("192.0.2.2")) == (5, 2)


@pytest.mark.parametrize(
    "limits", [{"connections": 0}, {"connections_per_ip": -1}, {"request_bytes": 1000, "queued_bytes": 999}]
)
def test_limits_that_cannot_work_are_refused(limits: dict[str, int]):
    with pytest.raises(ConfigurationError, match="or more"):
        ConnectionLimits(**limits)  # type: ignore[arg-type]


def test_an_ipv4_address_is_one_address_over_either_kind_of_socket():
    assert plain_address("::ffff:192.0.2.1") == plain_address("192.0.2.1") == "192.0.2.1"
    assert plain_address("::1") == "::1"
