"""``gomq restore``: make a data directory of a backup."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from gomq.cli.asking import notice
from gomq.cli.options import examples, format_option, option, utf8
from gomq.errors import GomqError
from gomq_dump.progress import progress
from gomq_storage.errors import StorageError


@click.command(
    epilog=examples(
        "gomq restore /mnt/backups/gomq /var/lib/gomq",
        "gomq restore /mnt/backups/gomq/20261126T100000.000Z /tmp/as-it-was",
        "gomq restore /mnt/backups/gomq /tmp/two-topics --topic orders --topic payments",
        "gomq serve --data /tmp/as-it-was",
    )
)
@click.argument("backup", metavar="BACKUP", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("data", metavar="DATADIR", type=click.Path(file_okay=False, path_type=Path))
@option(
    "--topic",
    "topics",
    envvar="GOMQ_RESTORE_TOPIC",
    multiple=True,
    callback=utf8,
    metavar="TOPIC",
    help="Only this topic, and what groups have committed of it; may be given several times.",
)
@format_option
def restore(*, backup: Path, data: Path, topics: Sequence[str], output_format: str) -> None:
    """Make the data directory DATADIR of a BACKUP, which `gomq serve --data DATADIR` then serves from.

    BACKUP is where `gomq backup` keeps backups, for the newest one, or one of the directories in it. DATADIR must be
    empty, or not there. Every file is compared with the backup's checksums; if one differs nothing is restored.
    """
    from gomq_storage.backup.restoring import (  # noqa: PLC0415 - help is not to wait for it
        choose,
        find_backup,
        restore as make_data_directory,
    )

    try:
        found, manifest = find_backup(backup)
        if topics:
            manifest = choose(manifest, topics)
        with progress("restoring", manifest.size) as advance:
            make_data_directory(found, data, manifest, topics=topics or None, on_progress=advance)
    except StorageError as error:
        raise GomqError(str(error)) from error
    created = datetime.fromtimestamp(manifest.created_ms / 1000, UTC).isoformat(timespec="milliseconds")
    if output_format == "json":
        fields = {"path": str(data), "backup": str(found), "created_ms": manifest.created_ms}
        print(json.dumps(fields | {"files": len(manifest.files), "bytes": manifest.size}))
    else:
        print(data)
        notice(f"restored from {found}, made at {created}: {len(manifest.files)} files, {manifest.size} bytes")
    for each in manifest.damaged:
        notice(f"gomq: {each.path} was damaged when the backup was made, at byte {each.position}: {each.reason}")
