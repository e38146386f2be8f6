"""`python -m sim.breakers [seeds]`: prints docs/breakers.md."""

from __future__ import annotations

import sys

from sim.breakers.page import page
from sim.breakers.rates import rates, table

SEEDS = 40

if __name__ == "__main__":
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS
    sys.stdout.write(page(table(rates(seeds))))
