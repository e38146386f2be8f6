"""When each control was last proven: what the live proof wrote down, read by daemon and preflight."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from domain.errors import ConfigurationError

PROOFS: Final = "proofs.json"

_proofs = msgspec.json.Decoder(dict[str, int]).decode


def read_proofs(state_dir: Path) -> dict[str, int]:
    """When each control was last proven (Unix ns); empty when never. Raises ConfigurationError when unreadable."""
    path = state_dir / PROOFS
    try:
        return _proofs(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as problem:
        raise ConfigurationError(f"{path}: not a file of proofs ({problem}); delete it and prove again") from None
