"""What differs between two configurations, key by key; secrets are no part of a configuration. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from daemon.settings.keys import every_key, holds_secret, leaves
from daemon.settings.tree import SECRET_PLACES, Settings


class Difference(msgspec.Struct, frozen=True):
    """One key whose value differs; each value as the file would write it, `none` for a setting that is left out."""

    key: str
    ours: str
    theirs: str


def differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Every key that two shown trees disagree on, in the order of their names."""
    left, right = leaves(ours), leaves(theirs)
    secret = {name for name, field in every_key(Settings).items() if holds_secret(field.kind)} | SECRET_PLACES
    keys = sorted((left.keys() | right.keys()) - secret)
    told = [Difference(key, _text(left.get(key)), _text(right.get(key))) for key in keys]
    return tuple(one for one in told if one.ours != one.theirs)


def _text(value: object) -> str:
    return "none" if value is None else msgspec.json.encode(value, enc_hook=str).decode()
