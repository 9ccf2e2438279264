"""``gomq config``: what ``gomq serve`` would go by with these flags, this environment, this file; and all settings.

What a running broker goes by is in ``config_running.py``.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

import click

from gomq.broker.configs.settings import Setting
from gomq.cli.config.process_settings import ALL_SETTINGS
from gomq.cli.config.running import get, set_, unset
from gomq.cli.config.setting_options import setting_options, sources_of
from gomq.cli.config.sources import Effective, default_of
from gomq.cli.help import Group
from gomq.cli.options import examples, format_option
from gomq.cli.tables import print_table

_INTRODUCTION: Final = """\
# Settings

Written by `gomq config docs`. What counts, and why, is printed by `gomq config show`.

Every setting can be given in four places; the first that has it counts:

1. as an option of `gomq serve`: `--flush interval`
2. in the environment: `GOMQ_FLUSH=interval`
3. in a TOML file that `--config FILE` or `GOMQ_CONFIG` names: `flush = "interval"`
4. nowhere: the default

In the file a setting goes by its name below, or by Kafka's. A table is a prefix, so that Kafka's names can be grouped;
where one is the beginning of another, put it in quotes: `"max.connections.per.ip" = 10`.

```toml
listen = ["INTERNAL://0.0.0.0:9092", "EXTERNAL://:19092"]
advertise = "EXTERNAL://broker.example.org:19092"
flush = "always"

[log]
retention.ms = 604800000
segment.bytes = 536870912
```

An unknown name or a value that cannot be is an error that names the file, the line and what would do, and the broker
does not start.

On SIGHUP `gomq serve --config FILE` reads the file again. Settings marked *at once* are in force then, what else has
changed is logged as `config.needs_restart`; a file that is not right changes nothing. `gomq config set` changes the
same settings while the broker runs, as AlterConfigs does with any admin client; what it has set is kept over restarts
and counts before all of the above, as in Kafka, until `gomq config unset`. `gomq config get` prints what is in force.

## Listeners

`listen` is `HOST:PORT`, or several `NAME://HOST:PORT`. `0.0.0.0` is every interface over IPv4; `[::]` and no host at
all are every interface over IPv6 and IPv4, as far as the machine has them; `localhost` is 127.0.0.1 and ::1, or the
one that the machine's hosts file has. Port 0 takes a free one, and the `BROKERS=` line says which.

Clients find the broker again by the address that it tells them. That is the one by which they have reached it, which
is right unless something translates addresses in between. Behind a container's port or a router say in `advertise`
what clients use:

    gomq serve --listen INTERNAL://0.0.0.0:9092,EXTERNAL://0.0.0.0:19092 --advertise EXTERNAL://localhost:19092

"""


@click.group(cls=Group, epilog=examples("gomq config show", "gomq config get log.retention.ms"))
def config() -> None:
    """Show the settings, and change those of a running broker."""


@config.command(
    epilog=examples(
        "gomq config show", "gomq config show -c gomq.toml --format json", "GOMQ_FLUSH=never gomq config show"
    )
)
@setting_options
@format_option
@click.pass_context
def show(context: click.Context, /, output_format: str, **_: Any) -> None:  # noqa: ANN401 - the settings
    """Print every setting, its value and where it comes from.

    Flags, environment and file are those that `gomq serve` would have: nothing is started.
    """
    effective = sources_of(context).resolve()
    effective.broker_config()  # what cannot work together is said here, too
    if output_format == "json":
        for setting in ALL_SETTINGS:
            print(json.dumps(_entry(effective, setting)))
    else:
        print_table(("NAME", "VALUE", "SOURCE"), list(_rows(effective)))


@config.command(epilog=examples("gomq config docs > configuration.md"))
def docs() -> None:
    """Print what every setting does, as Markdown."""
    print(markdown(), end="")


for _command in (get, set_, unset):
    config.add_command(_command)


def _entry(effective: Effective, setting: Setting) -> dict[str, Any]:
    given = effective.given[setting.field]
    return {
        "name": setting.name,
        "kafka_name": setting.wire_name,
        "value": effective.text(setting),
        "source": str(given.source),
        "where": given.where or None,
        "default": setting.kind.write(default_of(setting)),
        "option": setting.option,
        "variable": setting.variable,
        "at_once": setting.is_reloadable,
    }


def _rows(effective: Effective) -> Iterator[tuple[str, str, str]]:
    for setting in ALL_SETTINGS:
        given = effective.given[setting.field]
        yield setting.name, effective.text(setting) or "-", f"{given.source} {given.where}".rstrip()


def markdown() -> str:
    """Write the documentation of all settings; ``docs/configuration.md`` is this."""
    return _INTRODUCTION + "## All settings\n\n" + "\n".join(map(_section, ALL_SETTINGS))


def _section(setting: Setting) -> str:
    default = setting.kind.write(default_of(setting))
    facts = [
        f"`{setting.option}`, `{setting.variable}`",
        *([f"Kafka's requests: `{setting.wire_name}`"] if setting.wire_name != setting.name else []),
        f"{setting.kind.wanted}",
        f"default: `{default}`" if default else "default: none",
        "changes at once" if setting.is_reloadable else "changes with a restart",
    ]
    lines = "\n".join(f"- {fact}" for fact in facts)
    return f"### {setting.name}\n\n{setting.documentation}\n\n{lines}\n"
