"""What people are told: the alerts that what left a step raises, whether it is one or a record that tells one."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ops.alerts.raised import Raised, raised_by


def heard(actions: Iterable[msgspec.Struct], kind: str = "") -> list[Raised]:
    """Those of one kind, or all, in order."""
    found = (raised_by(action) for action in actions)
    return [raised for raised in found if raised is not None and kind in ("", raised.kind)]
