"""``gomq backup``: copy a data directory, while a broker serves from it or not."""

import json
import time
from dataclasses import asdict
from pathlib import Path

import click

from gomq.cli.asking import notice
from gomq.cli.options import FAILED, examples, format_option, option
from gomq.errors import GomqError
from gomq_dump.progress import progress
from gomq_storage.errors import StorageError


@click.command(
    epilog=examples(
        "gomq backup /var/lib/gomq /mnt/backups/gomq",
        "gomq backup /var/lib/gomq /mnt/backups/gomq --keep 7",
        "gomq restore /mnt/backups/gomq /var/lib/gomq-again",
    )
)
@click.argument("data", metavar="DATADIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("target", metavar="TARGET", type=click.Path(file_okay=False, path_type=Path))
@option("--keep", type=click.IntRange(min=1), default=1, metavar="N", help="Backups to leave in TARGET.")
@format_option
def backup(*, data: Path, target: Path, keep: int, output_format: str) -> int:
    """Make a backup of the data directory DATADIR in TARGET, whether a broker serves from it or not.

    Messages keep their offsets; topics, configs and the offsets of groups are in it. What was acknowledged before it
    began is in the backup. Every batch's checksum is checked on the way: damage is reported, and the exit code is 1,
    but the backup is made.

    The next backup to the same TARGET copies only what is new. It becomes the backup once it is complete and on disk;
    until then the one before stays as it is, whatever happens.
    """
    from gomq_storage.backup.taking import back_up, size_of  # noqa: PLC0415 - help is not to wait for it

    try:
        with progress("backing up", size_of(data)) as advance:
            report = back_up(data, target, now_ms=time.time_ns() // 1_000_000, keep=keep, on_progress=advance)
    except StorageError as error:
        raise GomqError(str(error)) from error
    if output_format == "json":
        fields = {**asdict(report), "path": str(report.path)}
        fields["damaged"] = [{**each, "path": str(each["path"])} for each in fields["damaged"]]
        print(json.dumps(fields))
    else:
        print(report.path)
        notice(
            f"{report.partitions} partitions, {report.files} files: {report.copied_bytes} bytes copied, "
            f"{report.linked_bytes} as in the backup before"
        )
    for each in report.damaged:
        notice(f"gomq: {data / each.path} is damaged at byte {each.position}: {each.reason}; it was copied as it is")
    return FAILED if report.damaged else 0
