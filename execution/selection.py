"""Which of the rungs nearest the money are quoted: how many, and how good the least of them must be."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from domain.setting import key


class SelectionSettings(msgspec.Struct, frozen=True):
    """The best rung alone, or the first few; each with at least this score."""

    mode: Annotated[
        Literal["best", "top_n"],
        key("Whether a series quotes the rung nearest the money alone, or the first few, quoting.rungs_max at most.",
            "K17"),
    ] = "top_n"  # fmt: skip
    top_n: Annotated[int, key("How many rungs of a series top_n quotes.", "K17", ge=1, le=20)] = 3
    minimum_score: Annotated[
        int, key("The least score, 100 x Phi(edge / doubt), for which a rung is quoted; 70 once calibrated.", "K19",
                 ge=0, le=99)
    ] = 55  # fmt: skip

    @property
    def rungs_max(self) -> int:
        """How many rungs of a series may be quoted."""
        return 1 if self.mode == "best" else self.top_n
