"""``gomq publish``: lines, files and JSON objects become messages."""

from gomq.cli.publish.command import publish as publish
