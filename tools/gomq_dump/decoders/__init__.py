"""Say what the records of internal topics mean: committed offsets, groups, transactions, a cluster's metadata.

``choosing`` finds the decoder of a file. ``schema`` and ``reading`` read Kafka's messages by the tables in
``*_messages``; ``coordinator``, ``cluster`` and ``gomq`` know the topics; ``java_json`` writes what Kafka's tool does.
"""
