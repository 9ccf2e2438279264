"""Find the decoder of a file: the one that was asked for, or the one of the topic that its directory is named after."""

import argparse
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from gomq_dump.reading.kinds import METADATA_SNAPSHOT_SUFFIX
from gomq_dump.reading.paths import SegmentFile

if TYPE_CHECKING:
    from gomq_storage.record import Record

Fields: TypeAlias = dict[str, Any]


class Decoder(Protocol):
    """Says what the records of one topic mean. Nothing is raised for one that means nothing."""

    def text(self, record: "Record") -> tuple[str | None, str | None]:
        """Make what Kafka's tool shows in the place of key and value; None where it shows nothing."""

    def fields(self, record: "Record") -> Fields:
        """Make the object of what a record means; it has an ``error`` where that cannot be told."""


AUTO: Final = "auto"
NONE: Final = "none"
_MODULES: Final[Mapping[str, str]] = {
    "offsets": "gomq_dump.decoders.coordinator:offsets_decoder",
    "transactions": "gomq_dump.decoders.coordinator:transactions_decoder",
    "share": "gomq_dump.decoders.coordinator:share_decoder",
    "cluster": "gomq_dump.decoders.cluster:ClusterDecoder",
    "gomq": "gomq_dump.decoders.gomq:GomqDecoder",
}
CHOICES: Final = (AUTO, NONE, *_MODULES)
KAFKAS_OPTIONS: Final[Mapping[str, str]] = {
    "--offsets-decoder": "offsets",
    "--transaction-log-decoder": "transactions",
    "--cluster-metadata-decoder": "cluster",
    "--share-group-state-decoder": "share",
}
"""What Kafka's tool calls them."""
_TOPICS: Final[Mapping[str, str]] = {
    "__consumer_offsets": "offsets",
    "__transaction_state": "transactions",
    "__share_group_state": "share",
    "__cluster_metadata": "cluster",
    "__gomq_metadata": "gomq",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what records mean."""
    group = parser.add_argument_group("decoding", "A decoder that is named implies --records.")
    group.add_argument(
        "--decode",
        choices=CHOICES,
        help="what the records mean: of an internal topic's by its directory's name (auto, the default with"
        " --format json), those of one kind wherever they are, or as they are (none, the default of text)",
    )
    for option, name in KAFKAS_OPTIONS.items():
        group.add_argument(option, action="store_true", help=f"--decode {name}, as Kafka's tool calls it")


def choice_of(arguments: argparse.Namespace) -> str:
    """Find out what was chosen; nothing is what goes with the format."""
    for option, name in KAFKAS_OPTIONS.items():
        if getattr(arguments, option.removeprefix("--").replace("-", "_")):
            return name
    chosen: str | None = arguments.decode
    return chosen or (NONE if arguments.format == "text" else AUTO)


def implies_records(choice: str) -> bool:
    """Say whether a choice is one of a decoder, so that it is records that are asked for."""
    return choice in _MODULES


def decoder_of(choice: str, file: SegmentFile) -> Decoder | None:
    """Find the decoder of a file's records, or answer None where they are shown as they are.

    Args:
        choice: one of ``CHOICES``.
        file: with ``auto`` its topic decides, as far as it is known.
    """
    name = _choose(file) if choice == AUTO else choice
    if name not in _MODULES:
        return None
    module, _, attribute = _MODULES[name].partition(":")  # the tables take some milliseconds to read
    make: Callable[[], Decoder] = getattr(import_module(module), attribute)
    return make()


def _choose(file: SegmentFile) -> str:
    if file.suffix == METADATA_SNAPSHOT_SUFFIX:
        return "cluster"
    return NONE if file.partition is None else _TOPICS.get(file.partition.topic, NONE)
