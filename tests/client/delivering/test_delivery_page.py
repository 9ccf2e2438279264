"""What docs/delivery.md shows works, and what it says of options, headers and limits is so."""

import re
from dataclasses import fields

import anyio
import pytest

import gomq
from gomq.client.delivering.dead_letters import dead_letter_headers
from gomq.client.delivering.settings import DeliveryOptions, DeliverySettings
from tests.client.producing.test_publish import everything
from tests.support.documented import examples, first_columns, page, run_example
from tests.support.virtual_source import message

PAGE = page("delivery.md")


@pytest.mark.parametrize("example", examples(PAGE), ids=["loop", "handler", "words"])
async def test_its_examples_run(broker: gomq.Broker, example: str, capsys: pytest.CaptureFixture[str]):
    async with gomq.Producer(broker.address) as producer:
        for value in (b"one", None, b"two", b"three"):
            await producer.publish("orders", value)
    handled: list[bytes | None] = []
    failures = 0

    async def handle(message: gomq.Message) -> None:
        nonlocal failures
        handled.append(message.value)
        if message.value is None or (message.value == b"two" and failures == 0 and "ack()" not in example):
            failures += 1
            raise LookupError("no such order")
        if message.value == b"three":
            scope.cancel()
            await anyio.sleep_forever()

    shortened = example.replace("max_attempts=10", "max_attempts=2")
    with anyio.fail_after(20), anyio.CancelScope() as scope:
        await run_example(shortened, broker.address, handle=handle)

    assert scope.cancelled_caught
    assert [value for value in handled if value is not None][-1] == b"three"
    assert [each.value for each in await everything(broker.address, "orders.dead")] == [None]
    assert ("again, after no such order" in capsys.readouterr().out) == ("again, after" in example)


def test_it_has_every_option_with_its_default():
    rows = first_columns(PAGE)
    defaults = {each.name: each.default for each in fields(DeliverySettings)}

    assert set(rows) == set(defaults) == set(DeliveryOptions.__annotations__)
    assert {name: str(defaults[name]) for name in rows} == {name: value.strip('"') for name, value in rows.items()}
    assert f"{defaults['max_waiting']:,} or {DeliverySettings().max_waiting_bytes >> 20} MiB" in PAGE
    assert f"At most {defaults['max_ahead']:,} messages" in PAGE


def test_it_has_every_header():
    headers = dead_letter_headers(message(3), reason="", attempts=1)

    assert re.findall(r"^\| `(gomq\.dead-letter\.[a-z]+)`", PAGE, re.MULTILINE) == [name for name, _ in headers]
