"""What all events have in common."""

from __future__ import annotations

import msgspec


class Event(msgspec.Struct, frozen=True, tag=str.lower, tag_field="kind"):
    """Base of all events; the class name in lower case is its tag in the journal."""
