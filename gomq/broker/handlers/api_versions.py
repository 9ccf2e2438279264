"""ApiVersions, versions 0-4.  v1 throttle time; v3 flexible, the client's software name; v4 feature versions of 0.

A version that is not served is answered in version 0 with UNSUPPORTED_VERSION and this API's own range (KIP-511):
the client asks again with that. ``dispatch`` sees to it, as the body of such a request cannot be read.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from kio.schema.errors import ErrorCode

from gomq.broker.context import Request, Result, State
from gomq.protocol.api import ADVERTISED_PRODUCE_OLDEST, SERVED, UNLISTED, Api

_SOFTWARE_NAME: Final = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?")
_MAX_SOFTWARE_NAME: Final = 255


async def handle(state: State, request: Request) -> Result:  # noqa: ARG001 - a handler's form
    """List the APIs and versions that are served."""
    if request.version >= 3:
        for name in (request.body.client_software_name, request.body.client_software_version):
            if len(name) > _MAX_SOFTWARE_NAME or _SOFTWARE_NAME.fullmatch(name) is None:
                return {"error_code": ErrorCode.invalid_request, "api_keys": (), "throttle_time": 0}
    listed = [_range(api) for api in SERVED if api not in UNLISTED]
    return {"error_code": 0, "api_keys": listed, "throttle_time": 0}


def unsupported_version() -> Mapping[str, Any]:
    """What is answered, in version 0, to a version that is not served."""
    return {"error_code": ErrorCode.unsupported_version, "api_keys": [_range(Api.API_VERSIONS)]}


def _range(api: Api) -> dict[str, int]:
    oldest, newest = SERVED[api]
    if api is Api.PRODUCE:
        oldest = ADVERTISED_PRODUCE_OLDEST
    return {"api_key": api, "min_version": oldest, "max_version": newest}
