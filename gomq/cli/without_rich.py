"""The broker's logs without rich."""

import sys
from importlib import import_module


def leave_rich_out_of_structlog() -> None:
    """Import structlog as if rich were not there, which it would import for tracebacks in colour.

    That is a tenth of a second and 8 MB for a broker that draws none. Called before anything of the broker is
    imported; commands that draw import rich themselves.
    """
    if "structlog" not in sys.modules and "rich" not in sys.modules:
        sys.modules["rich"] = None  # type: ignore[assignment]  # so Python says that there is none
        try:
            import_module("structlog")
        finally:
            del sys.modules["rich"]
