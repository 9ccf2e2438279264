"""Carrying topics from one cluster to another; ``mirror.py`` has the class, ``resuming.py`` what is guaranteed."""
