"""`ladderd replay`: steps a fresh engine through a journal and compares what it does with what was done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from daemon.settings.build import ReferenceData, build_engine
from daemon.settings.build_id_io import build_id
from daemon.settings.files_io import read_optional
from daemon.settings.tree import Settings
from domain.clock import Now
from domain.door import DOCUMENT_BYTES_MAX, Door, Refused
from domain.errors import ConfigurationError
from domain.events import AnyEvent, Started
from journal.reader_io import read_steps
from journal.replay import ReplayVerdict, replay

_kept: Final = Door(dict[str, Any], DOCUMENT_BYTES_MAX).read


def replay_state(state_dir: Path) -> tuple[ReplayVerdict, str]:
    """Replay all runs of a state directory. Raises ConfigurationError when it or a run's configuration is missing."""
    if not (state_dir / "journal").is_dir():
        message = f"{state_dir}: no journal there; give --state-dir"
        raise ConfigurationError(message)

    def fresh(event: Started) -> Callable[[AnyEvent, Now], bytes]:
        engine = build_engine(*kept_config(state_dir, event.config_hash))
        encode = msgspec.json.Encoder().encode
        return lambda e, now: encode(engine.step(e, now))

    verdict = replay(read_steps(state_dir), fresh, build_id())
    if verdict.refused:
        return verdict, f"replay refused: {verdict.refused}"
    if verdict.ok:
        return verdict, f"replay equal: {verdict.steps} steps, every action byte for byte"
    return verdict, f"replay differs: {verdict.first_divergence}"


def kept_config(state_dir: Path, digest: str) -> tuple[Settings, ReferenceData]:
    """The configuration that was kept beside the journal. Raises ConfigurationError when it is missing."""
    path = state_dir / "config" / f"{digest}.json"
    text = read_optional(path)
    if text is None:
        message = f"{path}: the configuration of that run is missing, so its engine cannot be built"
        raise ConfigurationError(message)
    try:
        tree = _kept(text)
    except Refused as problem:
        raise ConfigurationError(f"{path}: not a configuration that was kept ({problem})") from None
    folder = state_dir / "config"
    fees, calendar = read_optional(folder / f"{digest}.fees.json"), read_optional(folder / f"{digest}.days.csv")
    return Settings(**tree), ReferenceData(fees, calendar)
