"""Make logs of JSON lines, those of ``gomq-dump export`` or written by hand: ``gomq-dump import``.

Bytes and values: ``lines`` (what a line may say), ``batches`` (lines to batches). Writing: ``partition``, ``target``.
The command: ``cli``.
"""
