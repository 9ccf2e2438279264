"""Errors that several tasks wait for: each raises one of its own, so that no traceback grows with those of others."""

from gomq.errors import GomqError


def own_copy(error: GomqError) -> GomqError:
    """Make another error of the same kind, data and cause; not by its constructor, which wants other arguments."""
    kind = type(error)
    copied = kind.__new__(kind, *error.args)
    copied.__dict__.update(error.__dict__)
    copied.__cause__ = error.__cause__
    return copied
