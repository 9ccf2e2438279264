"""``gomq topic``: list, create, describe, alter and delete topics, or their first messages."""

import click

from gomq.cli.help import Group
from gomq.cli.options import examples
from gomq.cli.topic.alter import alter
from gomq.cli.topic.create import create
from gomq.cli.topic.delete import delete
from gomq.cli.topic.delete_records import delete_records
from gomq.cli.topic.describe import describe
from gomq.cli.topic.listing import list_


@click.group(cls=Group, epilog=examples("gomq topic list", "gomq topic create orders --partitions 3"))
def topic() -> None:
    """List, create, describe, alter and delete topics."""


for _command in (list_, create, describe, alter, delete, delete_records):
    topic.add_command(_command)
