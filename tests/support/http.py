"""Asking over HTTP as a scraper does, and as nobody should."""

from typing import NamedTuple

import anyio
from prometheus_client.parser import text_string_to_metric_families

from gomq.net.address import parse_address

DEADLINE = 20.0


class HttpAnswer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


async def send_raw(address: str, raw: bytes) -> bytes:
    """Send bytes, and return all that comes back until the connection is closed."""
    host, port = parse_address(address)
    received = b""
    with anyio.fail_after(DEADLINE):
        async with await anyio.connect_tcp(host, port) as stream:
            await stream.send(raw)
            try:
                while True:
                    received += await stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return received


async def ask_http(address: str, path: str, *, method: str = "GET") -> HttpAnswer:
    """Ask for a page."""
    raw = await send_raw(address, f"{method} {path} HTTP/1.1\r\nHost: {address}\r\nAccept: */*\r\n\r\n".encode())
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
    return HttpAnswer(int(first.split()[1]), headers, body)


class Scraped(NamedTuple):
    """Metrics as Prometheus' own parser reads them."""

    types: dict[str, str]
    samples: dict[tuple[str, frozenset[tuple[str, str]]], float]

    def value(self, name: str, **labels: str) -> float:
        return self.samples[name, frozenset(labels.items())]

    def names(self) -> set[str]:
        """As they are documented: a counter's with its end."""
        return {name + "_total" if kind == "counter" else name for name, kind in self.types.items()}


async def scrape(address: str) -> Scraped:
    """Ask for /metrics."""
    answer = await ask_http(address, "/metrics")
    assert answer.status == 200
    assert int(answer.headers["content-length"]) == len(answer.body)
    families = list(text_string_to_metric_families(answer.body.decode()))
    samples = {
        (each.name, frozenset(each.labels.items())): each.value for family in families for each in family.samples
    }
    assert len(samples) == sum(len(family.samples) for family in families), "each sample once"
    return Scraped({family.name: family.type for family in families}, samples)
