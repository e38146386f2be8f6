"""What the last probe learned, read when the daemon starts: an absent file is no knowledge, an unsound one no start."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from daemon.probe import parse_probe, table_of
from domain.errors import ConfigurationError
from execution.kalshi_codes import CodeTable

PROBE: Final = "probe.json"


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
