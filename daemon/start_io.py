"""The first thing that runs: holds the signals of `ladderd run`, then hands over to the command line."""

from __future__ import annotations

import sys

from daemon.signals_io import hold_signals


def main() -> int:
    """The `ladderd` command."""
    if sys.argv[1:2] == ["run"]:
        hold_signals()
    from daemon.cli import main as command_line  # noqa: PLC0415 - after the signals are held

    return command_line()
