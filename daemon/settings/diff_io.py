"""`ladderd config diff`: the effective configuration beside the defaults, a file, or the approved one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from daemon.settings.diff import Difference, differences
from daemon.settings.load_io import load_file
from daemon.settings.pin_io import read_pin
from daemon.settings.tree import Settings, config_hash, shown
from domain.door import DOCUMENT_BYTES_MAX, Door
from domain.errors import EX_NOT_OK, EX_OK, ConfigurationError

APPROVED: Final = "pin"

_kept: Final = Door(dict[str, Any], DOCUMENT_BYTES_MAX).read


class _Outcome(msgspec.Struct, frozen=True):
    same: bool
    against: str
    differences: tuple[Difference, ...]


def diff_view(settings: Settings, against: str | None, *, as_json: bool) -> tuple[int, str]:
    """Exit code and text. Raises ConfigurationError for a file that cannot be read, and for a pin that is not kept."""
    ours = shown(settings)
    if against == APPROVED:
        name, theirs = _approved(settings, ours)
    elif against is None:
        name, theirs = "the defaults", shown(Settings())
    else:
        name, theirs = against, shown(load_file(Path(against)))
    found = differences(ours, theirs)
    code = EX_NOT_OK if found else EX_OK
    if as_json:
        return code, msgspec.json.encode(_Outcome(not found, name, found)).decode()
    lines = [f"{one.key}: {one.ours}, not {one.theirs}" for one in found]
    return code, "\n".join([*lines, f"{len(found)} of the settings differ from {name}"])


def _approved(settings: Settings, ours: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The approved configuration's name and tree. Raises ConfigurationError when it cannot be known."""
    place = settings.state_dir
    try:
        digest = read_pin(place)
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigurationError(f"{place}: the pin cannot be read: {problem}") from None
    if not digest:
        raise ConfigurationError(f"{place}: nothing was approved; run ladderd config pin --by YOU --cause WHY")
    name = f"the approved configuration {digest[:12]}"
    if digest == config_hash(settings):
        return name, ours
    path = place / "config" / f"{digest}.json"
    try:
        theirs: dict[str, Any] = _kept(path.read_bytes())
    except (OSError, msgspec.MsgspecError):
        message = f"{path}: the approved configuration was not kept; approve it again with ladderd config pin"
        raise ConfigurationError(message) from None
    return name, theirs
