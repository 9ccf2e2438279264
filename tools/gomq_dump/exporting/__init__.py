"""Carry a log out as JSON lines that ``gomq-dump import`` makes the same log of: ``gomq-dump export``.

Bytes and values: ``lines``. Reading files: ``walking``. The command: ``cli``.
"""
