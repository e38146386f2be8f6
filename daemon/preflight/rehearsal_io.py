"""The rehearsal of controls as a check: the engine's files are read, and what bites is told."""

from __future__ import annotations

from daemon.preflight.checks import REHEARSAL
from daemon.preflight.rehearsal import rehearse
from daemon.settings.build import build_plan
from daemon.settings.engine_settings import engine_settings
from daemon.settings.files_io import read_reference_data
from daemon.settings.tree import Settings
from domain.clock import Now
from domain.findings.finding import FAIL, PASS, Finding
from guards.evidence.controls import REHEARSED


def look_at_controls(settings: Settings, now: Now) -> Finding:
    """Whether each control bites in an engine of this configuration. Raises OSError, ConfigurationError."""
    reference = read_reference_data(settings)
    problems = rehearse(engine_settings(settings, build_plan(settings, reference), reference.fees), now)
    if problems:
        return Finding(REHEARSAL, FAIL, "; ".join(problems))
    return Finding(REHEARSAL, PASS, f"{len(REHEARSED)} controls bite: {', '.join(REHEARSED)}")
