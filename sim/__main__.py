"""`python -m sim exchange|feed|demo|simulate ...`: the simulators as processes of their own."""

from __future__ import annotations

import importlib
import sys

PROGRAMS = {
    "exchange": "sim.exchange.program",
    "feed": "sim.index_feed.program",
    "demo": "sim.demo",
    "simulate": "sim.campaign.command",
    "chaos": "sim.chaos.command",
}


def main(argv: list[str]) -> int:
    """Start the named simulator with the remaining arguments; 2 for a name that is none. `--help` is 0."""
    if not argv or argv[0] not in PROGRAMS:
        wanted = argv[:1] in (["-h"], ["--help"])
        said = f"sim: say which one of {', '.join(PROGRAMS)} to start; each tells its options by --help\n"
        (sys.stdout if wanted else sys.stderr).write(said)
        return 0 if wanted else 2
    module = importlib.import_module(PROGRAMS[argv[0]])
    return int(module.main(argv[1:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
