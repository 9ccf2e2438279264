"""DescribeAcls, CreateAcls, DeleteAcls: there are none, and all is refused as by a Kafka without an authorizer."""

from typing import Any

import pytest

from gomq.protocol.api import Api
from tests.support.corpus import sample_values
from tests.support.wire import Wire, versions

SECURITY_DISABLED = 54


async def ask(wire: Wire, api: Api, version: int, **changed: Any) -> Any:
    return await wire.ask(api, version, **{**sample_values(api, version), **changed})


@pytest.mark.parametrize("version", versions(Api.DESCRIBE_ACLS))
async def test_no_acls_are_described(wire: Wire, version: int):
    answer = await ask(wire, Api.DESCRIBE_ACLS, version)
    assert (answer.error_code, answer.resources) == (SECURITY_DISABLED, ())
    assert "no ACLs" in answer.error_message


@pytest.mark.parametrize("version", versions(Api.CREATE_ACLS))
async def test_each_acl_is_refused(wire: Wire, version: int):
    (creation,) = sample_values(Api.CREATE_ACLS, version)["creations"]
    answer = await ask(wire, Api.CREATE_ACLS, version, creations=[creation, creation])
    assert [each.error_code for each in answer.results] == [SECURITY_DISABLED] * 2
    assert all("no ACLs" in each.error_message for each in answer.results)


@pytest.mark.parametrize("version", versions(Api.DELETE_ACLS))
async def test_each_filter_of_acls_to_delete_is_refused(wire: Wire, version: int):
    (wanted,) = sample_values(Api.DELETE_ACLS, version)["filters"]
    answer = await ask(wire, Api.DELETE_ACLS, version, filters=[wanted, wanted])
    assert [(each.error_code, each.matching_acls) for each in answer.filter_results] == [(SECURITY_DISABLED, ())] * 2
