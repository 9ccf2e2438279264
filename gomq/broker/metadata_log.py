"""What the broker must remember, as a log: keyed records in the internal topic ``__gomq_metadata``.

    key  topic/<name>   value  {"id": "<uuid>", "partitions": 1, "configs": {"segment.bytes": "1048576"}}
    key  broker/<id>    value  {"configs": {"log.retention.ms": "1000"}}    set while it ran; without an id for all
    key  producer-ids   value  {"next": 1000}      ids below were handed out, or may have been
    key  leader-epoch   value  {"epoch": 3}        of all partitions

Keys and values are UTF-8, values JSON; a null value takes its key back. The broker rebuilds its state by replaying
the log from offset 0. A change counts once its record is on the device.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import anyio
from anyio import to_thread

from gomq.broker.keyed_log import append, replay
from gomq_storage.errors import LogOfflineError
from gomq_storage.log import Log

TOPIC_NAME: Final = "__gomq_metadata"


class MetadataLog:
    """The keyed state, in memory and in the log.

    Args:
        log: the log, which is replayed.
        on_failure: told when a sync has failed: what the log then holds is not known.
    """

    def __init__(self, log: Log, *, on_failure: Callable[[LogOfflineError], None]) -> None:
        self.values: dict[str, dict[str, Any]] = _replay(log)
        """The state as it is on the device."""
        self._log = log
        self._on_failure = on_failure
        self._one_at_a_time = anyio.Lock()

    async def put(self, key: str, value: dict[str, Any] | None) -> None:
        """Set a key, or take it back with None, as ``put_all`` does."""
        await self.put_all({key: value})

    async def put_all(self, changes: Mapping[str, dict[str, Any] | None]) -> None:
        """Set keys, or take them back with None, all of them or none; returns once that is on the device.

        Raises:
            LogOfflineError: a sync failed, now or before: after a restart the change may be there, or not.
            OSError: it could not be written; the state is as before.
        """
        async with self._one_at_a_time:
            self._append(changes)
            with anyio.CancelScope(shield=True):  # what is in the log must be in the state too
                try:
                    await to_thread.run_sync(self._log.flush)
                except LogOfflineError as error:
                    self._on_failure(error)
                    raise
            self._remember(changes)

    def put_now(self, key: str, value: dict[str, Any] | None) -> None:
        """Do the same in a thread that may wait, while nobody else uses the log."""
        self._append({key: value})
        self._log.flush()
        self._remember({key: value})

    @property
    def log(self) -> Log:
        """The log; only this object writes to it."""
        return self._log

    def _append(self, changes: Mapping[str, dict[str, Any] | None]) -> None:
        append(self._log, [(key.encode(), _raw(value)) for key, value in changes.items()])

    def _remember(self, changes: Mapping[str, dict[str, Any] | None]) -> None:
        for key, value in changes.items():
            if value is None:
                self.values.pop(key, None)
            else:
                self.values[key] = value


def _raw(value: dict[str, Any] | None) -> bytes | None:
    return None if value is None else json.dumps(value, sort_keys=True).encode()


def _replay(log: Log) -> dict[str, dict[str, Any]]:
    values: dict[str, dict[str, Any]] = {}
    for key, value in replay(log):
        if value is None:
            values.pop(key.decode(), None)
        else:
            values[key.decode()] = json.loads(value)
    return values
