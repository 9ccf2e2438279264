"""Prometheus' text format, as Prometheus' own parser reads it; and the little HTTP that carries it."""

from http import HTTPStatus

import pytest
from hypothesis import given, strategies as st
from prometheus_client.parser import text_string_to_metric_families

from gomq.broker.monitoring.exposition import Family, Histogram, Sample, lines, one
from gomq.broker.monitoring.http import MAX_HEAD_BYTES, BadRequestError, HttpRequest, read_request, response
from gomq.broker.monitoring.metrics import Metrics, error_codes
from gomq.protocol.api import Api

NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False, width=32)


@given(st.text(), NUMBERS, st.text(max_size=30).filter(lambda text: "\n" not in text and text == text.strip()))
def test_any_label_and_number_is_read_as_it_was_written(label: str, value: float, text: str):
    family = Family("gomq_x", "gauge", text, [Sample({"topic": label, "partition": 3}, value)])

    (read,) = text_string_to_metric_families("".join(lines(family)))

    assert (read.name, read.type, read.documentation) == ("gomq_x", "gauge", text)
    (sample,) = read.samples
    assert (sample.labels, sample.value) == ({"topic": label, "partition": "3"}, value)


@given(st.lists(st.floats(0, 10)))
def test_a_histogram_counts_like_a_naive_one(values: list[float]):
    bounds = (0.5, 1.0, 5.0)
    histogram = Histogram(bounds)
    for value in values:
        histogram.note(value)

    samples = list(histogram.samples({"api": "FETCH"}))

    assert [sample.value for sample in samples[:4]] == [
        *(sum(value <= bound for value in values) for bound in bounds),
        len(values),
    ]
    assert samples[0].labels == {"api": "FETCH", "le": "0.5"}
    assert samples[-1].value == len(values)
    assert samples[-2].value == pytest.approx(sum(values))
    assert histogram.count == len(values)


def test_a_metric_without_samples_is_not_there():
    assert "".join(lines(Family("gomq_x", "gauge", "Nothing.", ()))) == ""
    assert (
        "".join(lines(one("gomq_x", "counter", "One.", 1))) == "# HELP gomq_x One.\n# TYPE gomq_x counter\ngomq_x 1\n"
    )


def test_error_codes_are_found_wherever_an_answer_has_them():
    metrics = Metrics()
    codes = error_codes(
        {
            "error_code": 1,
            "name": "text",
            "topics": [{"error_code": 3, "partitions": [{"error_code": 5}, {"error_code": 0}]}, {"error_code": 3}],
            "nothing": None,
        }
    )
    metrics.failed(Api.METADATA, codes)

    ((api, counts),) = metrics.requests()
    assert (api, dict(counts.errors)) == ("METADATA", {1: 1, 3: 2, 5: 1})


@pytest.mark.parametrize(
    ("raw", "request_"),
    [
        (b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", HttpRequest("GET", "/metrics")),
        (b"HEAD /readyz?verbose=1 HTTP/1.0\n\n", HttpRequest("HEAD", "/readyz")),
        (b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody", HttpRequest("POST", "/")),
    ],
)
def test_a_request_is_read_however_it_is_cut(raw: bytes, request_: HttpRequest):
    assert read_request(raw) == request_
    for cut in range(raw.index(b"\n\n" if b"\n\n" in raw else b"\r\n\r\n") + 1):
        assert read_request(raw[:cut]) is None


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"\x16\x03\x01\x00\xa5\x01\n", 400),
        (b"\x00\x00\x00\x1a\x00\x12\x00\x03\n", 400),
        (b"GET metrics HTTP/1.1\r\n", 400),
        (b"get /metrics HTTP/1.1\r\n", 400),
        (b"GET /metrics HTTP/2.0\r\n", 400),
        (b"GET  /metrics HTTP/1.1\r\n", 400),
        (b"GET /a\rb HTTP/1.1\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\n", 400),
        (b"GET /" + b"x" * 1001 + b" HTTP/1.1\r\n", 400),
        (b"x" * MAX_HEAD_BYTES, 414),
        (b"GET / HTTP/1.1\r\n" + b"x" * MAX_HEAD_BYTES, 431),
    ],
)
def test_what_is_no_request_is_refused_as_soon_as_it_is_seen(raw: bytes, status: int):
    with pytest.raises(BadRequestError) as caught:
        read_request(raw)
    assert caught.value.status == status


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail_otherwise(raw: bytes):
    try:
        read_request(raw)
    except BadRequestError as error:
        assert error.status in {400, 414, 431}  # noqa: PT017 - any bytes may be a request


def test_an_answer_says_how_long_it_is_and_that_it_is_the_last():
    raw = response(HTTPStatus.METHOD_NOT_ALLOWED, b"no\n")

    head, _, body = raw.partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[0] == b"HTTP/1.1 405 Method Not Allowed"
    assert {b"Content-Length: 3", b"Connection: close", b"Allow: GET, HEAD"} <= set(head.split(b"\r\n"))
    assert body == b"no\n"
    assert response(HTTPStatus.OK, b"no\n", with_body=False).endswith(b"\r\n\r\n")
