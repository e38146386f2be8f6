"""Every source file of ours belongs to one part of a profile."""

from __future__ import annotations

import pytest

from sim.campaign_profile import part_of


@pytest.mark.parametrize(
    ("file", "part"),
    [
        ("/x/daemon/engine.py", "engine"),
        ("/x/pricing/fair.py", "engine"),
        ("/x/daemon/runner_io.py", "runner, inbox and records"),
        ("/x/execution/kalshi_wire.py", "wire formats"),
        ("/x/sim/exchange/book.py", "simulated exchange"),
        ("/x/sim/ports_feed.py", "index feed"),
        ("/x/sim/checks_resting.py", "checks"),
        ("/x/sim/campaign_time.py", "time and wiring"),
        ("/usr/lib/python3.11/heapq.py", ""),
        ("~", ""),
    ],
)
def test_part_of(file: str, part: str) -> None:
    assert part_of(file) == part
