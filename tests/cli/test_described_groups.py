"""`gomq group describe`: what is asked of a broker, and what an object has of groups of either type."""

from typing import Any

import pytest

import gomq
from gomq.cli.group.command import _describe
from gomq.cli.group.output import DescribedGroup, describe_fields
from gomq.client.admin import GroupListing, GroupState, GroupType
from gomq.protocol.api import Api
from tests.client.admin.answering import answers_with, coordinator_is, group_is
from tests.support.fake_broker import fake_cluster


async def test_a_group_is_asked_for_once_to_be_described_with_its_offsets():
    nothing: dict[str, Any] = {"error_code": 0, "topics": []}
    committed = {**nothing, "groups": [{"group_id": "workers", **nothing}]}
    async with fake_cluster() as fake:
        fake.always(Api.FIND_COORDINATOR, coordinator_is(1))
        fake.always(Api.DESCRIBE_GROUPS, group_is("Stable", members=1))
        fake.always(Api.OFFSET_FETCH, answers_with(lambda _: committed))
        async with gomq.Admin(fake.address) as admin:
            found = await _describe(admin, "workers")
        assert len(fake.asked(Api.DESCRIBE_GROUPS)) == 1

    fields = describe_fields(found)
    assert (fields["type"], fields["epoch"], len(fields["members"])) == ("classic", None, 1)


@pytest.mark.parametrize("is_listed", [True, False])
def test_the_type_of_a_group_that_cannot_be_described_is_that_of_the_list(is_listed: bool):
    listing = GroupListing(
        group_id="g", protocol_type="consumer", state=GroupState.STABLE, type=GroupType.CONSUMER, coordinator=1
    )
    fields = describe_fields(DescribedGroup("g", None, {}, listing if is_listed else None))
    assert (fields["type"], fields["epoch"]) == ("consumer" if is_listed else None, None)
