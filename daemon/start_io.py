"""The first thing that runs: holds the signals of `ladderd run`, and gets it going without the command line's weight.

Start-up is nearly all imports (some 0.7 s of CPU), and how long the daemon takes to come back after a crash is how long
nobody minds the orders. So here: no option parser with its help pages unless something in the arguments needs it; no
cyclic garbage collection while modules, which stay for good, are made; no look through every installed package for
plugins of pydantic, which we have none of; and no rich, which structlog would load for a console of colours.
"""

from __future__ import annotations

import gc
import importlib
import io
import os
import sys
from types import ModuleType

from daemon.runtime.signals_io import hold_signals

RUN_OPTIONS = {"--config": "config", "--mode": "mode", "--state-dir": "state_dir"}


def main() -> int:
    """The `ladderd` command."""
    options = None
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Whatever the terminal's encoding: a letter that it lacks is shown as its number, and ends nothing.
            stream.reconfigure(errors="backslashreplace")
    if sys.argv[1:2] == ["run"]:
        hold_signals()
        gc.disable()  # until the daemon is at work (chores)
        os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
        options = plain_options(sys.argv[2:])
    if options is None:
        from daemon.cli.commands import main as command_line  # noqa: PLC0415 - after the signals are held

        return command_line()
    _import_without("rich", "structlog")
    from daemon.runtime.launch_io import launch  # noqa: PLC0415 - after the signals are held

    return launch(**options)


def plain_options(arguments: list[str]) -> dict[str, str] | None:
    """The options of `ladderd run` where each is a known name and a value; None for all that needs the real parser."""
    found: dict[str, str] = {}
    for name, value in zip(arguments[::2], [*arguments[1::2], ""], strict=False):
        if name not in RUN_OPTIONS or not value or value.startswith("-"):
            return None
        found[RUN_OPTIONS[name]] = value
    return found


def _import_without(absent: str, name: str) -> None:
    """Import a module that can do without another one as if that one were not installed."""
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]  # None: "not there" (import system)
    modules.setdefault(absent, None)
    importlib.import_module(name)
    if modules[absent] is None:
        del modules[absent]
