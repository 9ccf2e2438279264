"""Mend what a person decides to mend: ``gomq-dump repair``.

Bytes and values: ``edits``, ``chain``. Reading: ``source_files``, ``sources`` (which logs there are), ``pieces`` (what
of a log is whole), ``patched`` (a log as it will be), ``indexes``, ``notes``, ``metadata_snapshots``, ``identity``,
``partition``, ``directory`` (what must change), ``plan``. Writing: ``staging``, ``copying``, ``in_place``. Showing:
``report``. The command: ``cli``.

What must change is worked out first, and checked, on the log as it will be: a dry run and the repair itself do the
same up to there, and nothing is written that was not read once as a whole.
"""
