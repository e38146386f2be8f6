"""Every source file of ours belongs to one part of a profile."""

from __future__ import annotations

import pytest

from sim.campaign.profile import part_of


@pytest.mark.parametrize(
    ("file", "part"),
    [
        ("/x/daemon/engine/step.py", "engine"),
        ("/x/pricing/fair.py", "engine"),
        ("/x/daemon/runtime/runner_io.py", "runner, inbox and records"),
        ("/x/execution/kalshi/wire.py", "wire formats"),
        ("/x/sim/exchange/book/book.py", "simulated exchange"),
        ("/x/sim/campaign/ports/feed.py", "index feed"),
        ("/x/sim/campaign/checks/resting.py", "checks"),
        ("/x/sim/virtual/timeline.py", "time and wiring"),
        ("/usr/lib/python3.11/heapq.py", ""),
        ("~", ""),
    ],
)
def test_part_of(file: str, part: str) -> None:
    assert part_of(file) == part
