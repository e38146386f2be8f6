"""`python -m daemon ...`: the same as the `ladderd` command."""

from __future__ import annotations

import sys

from daemon.start_io import main

if __name__ == "__main__":
    sys.exit(main())
