"""Carry a log out as JSON lines that ``gomq-dump import`` makes the same log of: ``gomq-dump export``.

Bytes and values: ``lines``. Where logs start: ``log_starts``. Reading the logs, and the command: ``cli``.
"""
