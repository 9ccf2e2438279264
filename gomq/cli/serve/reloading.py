"""SIGHUP: the file is read again. What may change while the broker runs does, the rest waits for a restart."""

from collections.abc import Iterator
from contextlib import contextmanager

from anyio import to_thread

from gomq.broker import Broker
from gomq.broker.logs import get_logger
from gomq.cli.config.process_settings import LOG_LEVEL, PROCESS_SETTINGS, LogLevel
from gomq.cli.config.setting_options import Sources
from gomq.cli.config.sources import Effective
from gomq.cli.serve.logs import change_level
from gomq.errors import ConfigurationError

_log = get_logger("gomq.config")


class Reloading:
    """Reads a running broker's settings again.

    Args:
        broker: it goes by them.
        sources: where they come from.
        started: what the process was started with.
    """

    def __init__(self, broker: Broker, sources: Sources, started: Effective) -> None:
        self._broker = broker
        self._sources = sources
        self._process = {setting: started.process(setting.field) for setting in PROCESS_SETTINGS}

    async def reload(self) -> None:
        """Read the file and go by it; one that is not right changes nothing and is logged."""
        file = str(self._sources.file)
        try:
            effective = await to_thread.run_sync(self._sources.resolve)
            reloaded = self._broker.reload(effective.broker_config())
        except ConfigurationError as error:
            for line in str(error).splitlines():
                _log.error("config.reload_failed", file=file, reason=line, consequence="nothing was changed")
            return
        changed, waiting = list(reloaded.changed), list(reloaded.needs_restart)
        for setting, value in self._process.items():
            if effective.process(setting.field) != value:
                (changed if setting.is_reloadable else waiting).append(setting.name)
        with self._change_level(effective.process(LOG_LEVEL)):
            _log.info("config.reloaded", file=file, changed=changed)
            if waiting:
                _log.warning("config.needs_restart", file=file, settings=waiting)

    @contextmanager
    def _change_level(self, level: str) -> Iterator[None]:
        """Log by another level once the block is over; what the block says is logged by either."""
        (setting,) = (each for each in self._process if each.field == LOG_LEVEL)
        before, self._process[setting] = self._process[setting], level
        levels = list(LogLevel)
        change_level(min(before, level, key=lambda each: levels.index(LogLevel(each))))
        yield
        change_level(level)
