"""How a setting is described where its default stands: in the settings class of the machine that obeys it.

A settings class is a frozen struct beside its machine. A field with a `key` is a key of the configuration; one without
is fixed, and no file can change it. `daemon/settings` reads these descriptions; the machines never do.
"""

from __future__ import annotations

from msgspec import Meta


def key(meaning: str, steps: str, *, ge: int | None = None, le: int | None = None) -> Meta:
    """One key of the configuration: a sentence that says what it means, the runbook steps it serves, and its bounds."""
    return Meta(description=meaning, extra={"steps": steps}, ge=ge, le=le)
