"""What ``--verify`` checks of a partition and of a data directory.

Bytes and values: ``complaints``, ``transactions``, ``producers``, ``leader_epochs``, ``history``, and of indexes
``reading.offset_entries`` and ``reading.time_entries``. They are told of a log's batches in order, in one walk, and say
what does not agree. Reading files: ``sources``, ``good_batches``, ``records``, ``snapshots``, ``segment``,
``partition``, ``directory``. All that was asked for: ``groups``, ``run``. The command: ``command``.
"""
