"""``gomq config``: settings, where they come from, and those of a running broker."""

from gomq.cli.config.command import config as config
