"""What ``--verify`` checks of a partition and of a data directory.

Bytes and values: ``complaints``, ``offset_entries``, ``time_entries``, ``transactions``, ``producers``,
``leader_epochs``, ``identity``. They are told of a log's batches in order, in one walk, and say what does not agree.
Reading files: ``small_files``, ``segment``, ``partition``, ``directory``.
"""
