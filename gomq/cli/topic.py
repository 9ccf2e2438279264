"""``gomq topic``: list, create, describe, alter and delete topics, or their first messages."""

import click

from gomq.cli.topic_alter import alter
from gomq.cli.topic_create import create
from gomq.cli.topic_delete import delete
from gomq.cli.topic_delete_records import delete_records
from gomq.cli.topic_describe import describe
from gomq.cli.topic_list import list_


@click.group()
def topic() -> None:
    """List, create, describe, alter and delete topics."""


for _command in (list_, create, describe, alter, delete, delete_records):
    topic.add_command(_command)
