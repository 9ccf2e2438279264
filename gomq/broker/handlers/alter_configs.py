"""AlterConfigs, versions 0-2.  v2 flexible.

What the request does not name goes back to what counts without it: the request holds all configs of a topic, and all
that was set for the broker.
"""

from collections.abc import Mapping
from typing import Any

from gomq.broker.configs.changes import Entries, change_configs
from gomq.broker.context import Request, Result, State


async def handle(state: State, request: Request) -> Result:
    """Replace the configs of topics and of the broker, each for itself."""
    return await change_configs(state, request.body, _replace)


def _replace(resource: Any, _: Mapping[str, str], __: Entries) -> dict[str, str]:  # noqa: ANN401 - one class a version
    return {config.name: config.value for config in resource.configs}
