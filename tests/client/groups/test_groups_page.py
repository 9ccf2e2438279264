"""What docs/groups.md shows works, and what it says of settings and limits is so."""

from dataclasses import fields

import anyio
import pytest

import gomq
from gomq.client.groups.assignors import ASSIGNORS
from gomq.client.groups.farewell import HURRIED_SECONDS, LEAVE_SECONDS
from tests.support.documented import examples, first_columns, page, run_example

PAGE = page("groups.md")


@pytest.mark.parametrize("example", examples(PAGE), ids=["loop", "commit", "listeners", "static", "chosen"])
async def test_its_examples_run(broker: gomq.Broker, example: str, capsys: pytest.CaptureFixture[str]):
    async with gomq.Producer(broker.address) as producer:
        await producer.publish_many("orders", [gomq.NewMessage(b"%d" % each) for each in range(3)])
    handled: list[int] = []

    async def handle(message: gomq.Message) -> None:
        handled.append(message.offset)
        if message.offset == 2:
            scope.cancel()
            await anyio.sleep_forever()

    with anyio.fail_after(20), anyio.CancelScope() as scope:
        await run_example(example, broker.address, handle=handle)

    assert scope.cancelled_caught
    assert handled == [0, 1, 2]
    group = "audit" if "audit" in example else "billing"
    async with gomq.Admin(broker.address) as admin:
        (found,) = (await admin.group_offsets(group)).values()
    assert found.committed == 2
    assert ("begins with" in capsys.readouterr().out) == ("print" in example)


def test_it_has_every_setting_with_its_default():
    rows = first_columns(PAGE[PAGE.index("## `GroupSettings`") :])
    defaults = {each.name: each.default for each in fields(gomq.GroupSettings) if each.name != "group_id"}
    said = {name: ", ".join(value) if isinstance(value, tuple) else str(value) for name, value in defaults.items()}

    assert rows == said


def test_it_has_every_assignor():
    assert all(f"| `{name}` |" in PAGE for name in ASSIGNORS)


def test_it_says_how_long_leaving_takes():
    assert f"at most {LEAVE_SECONDS:g} s where the coordinator" in PAGE
    assert f"; {HURRIED_SECONDS:g} s where the block was cancelled" in PAGE
