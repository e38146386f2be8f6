"""What the commands over tables say in words. Pure."""

from __future__ import annotations

from daemon.preflight.tables.gates import Decision


def decision_text(decision: Decision, path: str) -> str:
    """A decision in one line."""
    word = "GO" if decision.go else f"NO-GO, {len(decision.blockers)} blockers"
    return f"decision: {word}; counts until {decision.expires_utc} ({path})"
