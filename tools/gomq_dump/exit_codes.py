"""How ``gomq-dump`` ends: the exit codes of all its commands. What each means by them, its ``--help`` says."""

from typing import Final

SOUND: Final = 0
"""All is in order, or done."""
DAMAGED: Final = 1
"""Something is damaged; of a repair: there is something to do, and nothing was done."""
UNUSABLE: Final = 2
"""No answer: wrong usage, a path that is not there, output that cannot be written."""
INTERRUPTED: Final = 128 + 2
"""What a shell says of a program that SIGINT ended."""
PIPE_CLOSED: Final = 128 + 13
"""What a shell says of a program that SIGPIPE ended."""
