"""``gomq subscribe``: messages on stdout."""

from gomq.cli.subscribe.command import subscribe as subscribe
