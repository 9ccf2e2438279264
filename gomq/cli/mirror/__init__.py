"""``gomq mirror``: topics carried from one cluster to another."""

from gomq.cli.mirror.command import mirror as mirror
