"""The score of the providers of data, from a feed that really fell silent to what command and metrics say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.live.stage import Stage, playing, until

pytestmark = pytest.mark.live


@pytest.mark.step("K29")
def test_a_silent_feed_costs_its_score_and_a_fallback(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "state", period_s=30)

    def told() -> dict[str, Any]:
        asked = stage.ladderd("providers", "--json", "--http", stage.http)
        assert asked.returncode == 0, asked.stderr
        answer: dict[str, Any] = json.loads(asked.stdout)
        return answer | {one["name"]: one for one in answer["providers"]}

    with playing(stage):
        until("looks at all three", lambda: {"massive", "polygon", "exchange"} <= told().keys(), 20)
        assert told()["fallbacks"] == 0
        before = told()
        stage.feed_fault("silence", host=1, for_s=3)
        until("a fallback", lambda: told()["fallbacks"] == 1, 15)
        until("a miss", lambda: told()["massive"]["good"] < told()["massive"]["looks"], 15)
        after = told()
        misses = [after[name]["looks"] - after[name]["good"] for name in ("massive", "polygon")]
        assert misses[0] - before["massive"]["looks"] + before["massive"]["good"] >= 1, after
        assert misses[0] > misses[1], after
        assert stage.metric("ladderd_fallbacks_today") == 1
        assert 0 < stage.metric("ladderd_provider_success_ratio", 'provider="massive"') < 1
