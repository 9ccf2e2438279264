"""``gomq topic``: topics."""

from gomq.cli.topic.command import topic as topic
