"""The first thing that runs: holds the signals of `ladderd run`, and gets it going without what it can do without.

Start-up is nearly all imports, and how long the daemon takes to come back after a crash is how long nobody minds the
orders. Of some 0.65 s of CPU (30 starts each, medians) two things buy enough to stand here: no cyclic garbage
collection while modules, which stay for good, are made (0.06 s), and no rich, which structlog would load for a console
of colours (0.035 s). An option parser of our own bought 0.015 s and is gone.
"""

from __future__ import annotations

import gc
import importlib
import signal
import sys
from types import ModuleType

from daemon.outlets_io import carry_through, open_outlets, spoken
from daemon.runtime.signals_io import hold_signals


def main() -> int:
    """The `ladderd` command."""
    if sys.argv[1:2] == ["run"]:
        hold_signals()
        gc.disable()  # until the daemon is at work (daemon/runtime/snapshots_io.py)
        _import_without("rich", "structlog")
        from daemon.cli.commands import main as command_line  # noqa: PLC0415 - after the signals are held

        return command_line()
    command = next((word for word in sys.argv[1:2] if not word.startswith("-")), "")
    carry_through(command)
    outlets = open_outlets()
    return spoken(_typed(), command, outlets)


def _typed() -> int:
    """One command. Ctrl-C while its modules are read ends it without a word, as it ends any program."""
    heard = signal.getsignal(signal.SIGINT)
    if heard is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from daemon.cli.commands import main as command_line  # noqa: PLC0415 - heavy

    signal.signal(signal.SIGINT, heard)
    return command_line()


def _import_without(absent: str, name: str) -> None:
    """Import a module that can do without another one as if that one were not installed."""
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]  # None: "not there" (import system)
    modules.setdefault(absent, None)
    importlib.import_module(name)
    if modules[absent] is None:
        del modules[absent]
