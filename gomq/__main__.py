"""``python -m gomq`` is the command ``gomq``."""

import sys

from gomq.cli.main import main

sys.exit(main())
