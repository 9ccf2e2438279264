"""A fake with a fault of its own: the test that uses it fails, at once, and says which."""

import anyio
import pytest

import gomq
from gomq.protocol.api import Api
from tests.support.crashes import failing_with_its_fakes
from tests.support.fake_broker import Exchange, FakeCluster, fake_cluster


async def crashes(_: Exchange) -> None:
    raise ZeroDivisionError("the fake is broken")


async def publish(fake: FakeCluster) -> None:
    fake.always(Api.PRODUCE, crashes)
    async with gomq.Producer(fake.address) as producer:
        await producer.publish("orders", b"x")


async def test_a_fixture_that_crashes_ends_the_test_with_its_error(fake: FakeCluster):
    with anyio.fail_after(20), pytest.raises(ZeroDivisionError, match="the fake is broken"):
        await failing_with_its_fakes(publish)(fake=fake)


async def test_so_does_one_that_the_test_has_made():
    async def test() -> None:
        async with fake_cluster() as fake:
            await publish(fake)

    with anyio.fail_after(20), pytest.raises(ZeroDivisionError, match="the fake is broken"):
        await failing_with_its_fakes(test)()


async def test_a_test_that_takes_the_crash_for_something_else_fails_too(fake: FakeCluster):
    async def test() -> None:
        with pytest.raises(gomq.DeliveryFailedError):
            await publish(fake)

    with anyio.fail_after(20), pytest.raises(ZeroDivisionError, match="the fake is broken"):
        await failing_with_its_fakes(test)()
    assert len(fake.asked(Api.PRODUCE)) == 1
