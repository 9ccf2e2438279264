"""``gomq group``: consumer groups."""

from gomq.cli.group.command import group as group
