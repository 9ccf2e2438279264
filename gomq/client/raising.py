"""Errors that several tasks wait for: each raises one of its own, so that no traceback grows with those of others."""

from copy import copy

from gomq.errors import GomqError


def own_copy(error: GomqError) -> GomqError:
    """Make another error of the same kind, data and cause."""
    copied = copy(error)
    copied.__cause__ = error.__cause__
    return copied
