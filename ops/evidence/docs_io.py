"""The table of steps and the ledger of proofs, as they were installed beside the code."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from domain.errors import ConfigurationError
from ops.evidence.pack import StepProof, step_proofs

DOCS: Final = Path(__file__).parent.parent.parent / "docs"


def installed_proofs(docs: Path = DOCS) -> dict[str, StepProof]:
    """Every step as the ledger judges it. Raises ConfigurationError where they are not there or cannot be read."""
    try:
        steps, proofs = ((docs / name).read_text(encoding="utf-8") for name in ("steps.toml", "proofs.toml"))
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigurationError(f"the ledger of proofs was not installed: {problem}; install docs/ with it") from None
    return step_proofs(steps, proofs)
