"""``gomq serve``: the broker as a process."""

from gomq.cli.serve.command import serve as serve
