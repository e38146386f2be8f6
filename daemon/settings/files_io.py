"""The files beside the configuration: those an engine is made with, what a probe learned, when a control was proven.

An absent file of the last two is no knowledge; an unsound one is no start, and is named.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from daemon.settings.build import ReferenceData
from daemon.settings.learned import parse_probe, table_of
from daemon.settings.tree import Settings, shown
from domain.door import DOCUMENT_BYTES_MAX, Door
from domain.errors import ConfigurationError
from execution.kalshi.codes import CodeTable

PROBE: Final = "probe.json"
PROOFS: Final = "proofs.json"

_proofs = Door(dict[str, int], DOCUMENT_BYTES_MAX).read


def read_proofs(state_dir: Path) -> dict[str, int]:
    """When each control was last proven (Unix ns); empty when never. Raises ConfigurationError when unreadable."""
    path = state_dir / PROOFS
    try:
        return _proofs(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as problem:
        raise ConfigurationError(f"{path}: not a file of proofs ({problem}); delete it and prove again") from None


def learned_codes(state_dir: Path) -> CodeTable:
    """The table of codes with what the last probe learned. Raises ConfigurationError for a file that is not sound."""
    path = state_dir / PROBE
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return CodeTable()
    except OSError as problem:
        raise ConfigurationError(f"{path}: cannot be read: {problem.strerror}; correct or delete it") from None
    return table_of(parse_probe(text, str(path)))


def read_optional(path: Path) -> bytes | None:
    """A file's bytes, or None when it cannot be read: whoever needs it says so at the gate."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def read_reference_data(settings: Settings) -> ReferenceData:
    """The files that the engine is made with; None for one that cannot be read."""
    return ReferenceData(read_optional(settings.fees_file), read_optional(settings.calendar_file))


def keep_config(settings: Settings, digest: str) -> None:
    """Keep the effective configuration beside the journal that it explains, so that replay can build its engine."""
    folder = settings.state_dir / "config"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{digest}.json"
    if not path.exists():
        path.write_bytes(msgspec.json.format(msgspec.json.encode(shown(settings), order="sorted")))
        reference = read_reference_data(settings)
        if reference.fees is not None:
            (folder / f"{digest}.fees.json").write_bytes(reference.fees)
        if reference.calendar is not None:
            (folder / f"{digest}.days.csv").write_bytes(reference.calendar)
