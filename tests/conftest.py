"""What every test gets: Hypothesis without a stopwatch, and drills that carry their runbook step into the report."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent

# Two shared cores: a slow example is not a wrong one. A failure prints the line that reproduces it.
hypothesis.settings.register_profile("house", deadline=None, print_blob=True)
hypothesis.settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "house")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Write each drill's step ids into its report (junit properties); an id that no runbook has is a mistake."""
    known = set(tomllib.loads((ROOT / "docs" / "steps.toml").read_text("utf-8")))
    for item in items:
        at_home = "live" in item.path.relative_to(ROOT).parts
        if at_home:
            item.add_marker(pytest.mark.live)
        elif item.get_closest_marker("live"):
            raise pytest.UsageError(f"{item.nodeid}: live tests live in tests/live/, where they run by themselves")
        for mark in item.iter_markers("step"):
            for step in mark.args:
                if step not in known:
                    raise pytest.UsageError(f"{item.nodeid}: no runbook step {step!r} in docs/steps.toml")
                item.user_properties.append(("step", step))
