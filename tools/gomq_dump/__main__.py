"""The command ``gomq-dump``, and ``python -m gomq_dump``: Ctrl-C while it is imported ends it without a traceback."""

import sys
from typing import Final

_INTERRUPTED: Final = 128 + 2


def main() -> int:
    """Run the command and return its exit code."""
    try:
        from gomq_dump.cli import main as run  # noqa: PLC0415 - which takes longer than anything before it
    except KeyboardInterrupt:
        return _INTERRUPTED
    return run()


if __name__ == "__main__":
    sys.exit(main())
