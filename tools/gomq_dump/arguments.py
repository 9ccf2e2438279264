"""What the command line of ``gomq-dump`` can say. Each part of the command adds its own options; see ``_PARTS``."""

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from gomq_dump.command_parser import CommandParser, Repeated
from gomq_dump.decoders import choosing
from gomq_dump.selecting import selection
from gomq_dump.summing import whole

FORMATS: Final = ("text", "json")

_DESCRIPTION: Final = """\
Show what is in the files of GoMQ or Apache Kafka, and what is wrong with them.
Files are only ever read; no broker need be running, and one may be.
"""
_EPILOG: Final = """\
PATH is a file that a broker keeps (.log .index .timeindex .txnindex .snapshot .checkpoint,
leader-epoch-checkpoint and the other checkpoints, partition.metadata, meta.properties), a
partition's directory (all its files, each log in front of its indexes), a data directory,
or with --data DIR the name of a topic.

Text is what Kafka's kafka-dump-log prints, findings go to stderr. JSON is one object a line,
findings among them; bytes that are no UTF-8 text are in fields named ..._base64.

Exit code: 0 all sound (a note, such as offsets that compaction removed, is no damage),
1 something is damaged, 2 something else is wrong, such as a PATH that is not there.

FORMAT has kcat's letters: %t topic, %p partition, %o offset, %T timestamp (ms), %k key, %K its
size, %s value, %S its size, %R its size as four bytes, %h headers, %%; \\n \\r \\t \\\\ \\xNN; and
%k{hex} %s{base64} %T{%Y-%m-%d %H:%M:%S} (UTC). TIME is ISO 8601, UTC where it names no zone,
@MS since the epoch, or so long ago: 15m, 1h30m, 2d.

Options can be set in the environment too: GOMQ_DUMP_RECORDS=1, GOMQ_DUMP_FORMAT=json.

gomq-dump repair, export and import mend logs and carry them as JSON lines; each has a --help.

Examples:
  gomq-dump data/orders-0                                     batches and indexes of a partition
  gomq-dump --records data/orders-0/00000000000000000000.log  each message
  gomq-dump data                                              a table of what is in it
  gomq-dump --verify data && echo sound                       check everything a broker has
  gomq-dump --stats data/orders-0                             codecs, sizes, messages over time
  gomq-dump --tail 10 orders --data data                      the last ten of each partition
  gomq-dump --follow --tail 0 -f '%o %k %s\\n' data/orders-0   messages as they are written
  gomq-dump --grep 'failed|refused' --since 15m data/orders-0 messages of the last 15 minutes
  gomq-dump --records --format json data/orders-0 | jq -r 'select(.type=="record") | .value'
  gomq-dump --format json data | jq -c 'select(.type=="finding")'
"""
_TRUE: Final = ("1", "true", "yes", "on")
_FALSE: Final = ("0", "false", "no", "off", "")
_PREFIX: Final = "GOMQ_DUMP_"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what says where to look and how to show it."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="what to look at; see below")
    parser.add_argument(
        "--records",
        "--print-data-log",
        action="store_true",
        help="show each record too, with key, value and headers (--print-data-log is Kafka's name for it)",
    )
    parser.add_argument("--data", metavar="DIR", help="PATH is a topic's name in this data directory")
    parser.add_argument(
        "--partition", type=int, action=Repeated, default=[], metavar="N", help="this partition alone; repeatable"
    )
    parser.add_argument(
        "-f", "--format-string", metavar="FORMAT", help="show messages alone, such as '%%o %%k %%s\\n'; see below"
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="text",
        help="text as kafka-dump-log prints it (the default), or JSON lines",
    )


_PARTS: Final[Sequence[Callable[[argparse.ArgumentParser], None]]] = (
    add_arguments,
    selection.add_arguments,
    choosing.add_arguments,
    whole.add_arguments,
)
"""In the order of ``--help``. They are called at every start: what they are in imports late what takes time."""


def make_parser(environment: Mapping[str, str] = os.environ) -> argparse.ArgumentParser:
    """Make the parser, its defaults taken from the environment where that has any."""
    parser = CommandParser(
        prog="gomq-dump",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for add in _PARTS:
        add(parser)
    for action in parser._actions:  # noqa: SLF001 - argparse has no other list of what was added
        name = _PREFIX + action.dest.upper()
        if action.option_strings and name in environment:
            _take_default(parser, action, name, environment[name])
    return parser


def _take_default(parser: argparse.ArgumentParser, action: argparse.Action, name: str, text: str) -> None:
    """Make what the environment says an option's default, as if it had been given."""
    if action.nargs == 0:
        if text.lower() not in _TRUE + _FALSE:
            parser.error(f"{name} is {text!r}, choose from {', '.join(_TRUE)}, {', '.join(_FALSE[:-1])}")
        action.default = text.lower() in _TRUE
        return
    try:
        value = action.type(text) if callable(action.type) else text
    except (argparse.ArgumentTypeError, ValueError) as error:
        parser.error(f"{name}: {error}")
    if action.choices is not None and value not in action.choices:
        parser.error(f"{name} is {value!r}, choose from {', '.join(map(str, action.choices))}")
    action.default = [value] if isinstance(action.default, list) else value
