"""The score of the providers of data, from a feed that really fell silent to what command and metrics say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.live.stage import Stage, playing, until

pytestmark = pytest.mark.live


@pytest.mark.step("K05")
@pytest.mark.step("K29")
def test_a_silent_feed_costs_its_score_and_a_fallback(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "state", period_s=30, settings={"vix.value_age_limit_ms": "3000"})

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
        _volatility_turns(stage)


def _volatility_turns(stage: Stage) -> None:
    """I:VIX over the same sockets: high, too high, silent, and calm again."""

    def vix() -> tuple[int, dict[str, Any]]:
        asked = stage.ladderd("vix", "--json", "--http", stage.http)
        return asked.returncode, json.loads(asked.stdout)

    calm = until("a calm market", lambda: [vix()] if vix()[1]["band"] == "normal" else [], 15)
    assert (calm[0][0], calm[0][1]["status"], stage.metric("ladderd_vix_size_ratio")) == (0, "PASS", 1)
    stage.feed_fault("divergence", symbol="I:VIX", bps=20_000, for_s=5)
    high = until("too high", lambda: [vix()] if vix()[1]["band"] == "stop" else [], 15)
    assert (high[0][0], high[0][1]["status"]) == (1, "FAIL")
    until("calm again", lambda: stage.metric("ladderd_vix_size_ratio") == 1, 20)
    stage.feed_fault("divergence", symbol="I:VIX", bps=7_000, for_s=5)
    until("half the size", lambda: stage.metric("ladderd_vix_size_ratio") == 0.5, 15)
    stage.feed_fault("silence", symbol="I:VIX", for_s=8)
    silent = until("silence", lambda: [vix()] if vix()[1]["band"] == "unknown" else [], 15)
    assert (silent[0][0], silent[0][1]["status"]) == (1, "UNKNOWN")
    until("calm once more", lambda: stage.metric("ladderd_vix_size_ratio") == 1, 20)
    bands = [said["band"] for said in stage.records("volatility_level")]
    assert {"normal", "half", "stop", "unknown"} <= set(bands), bands
