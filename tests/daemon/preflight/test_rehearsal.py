"""The rehearsal of controls: each one bites as configured, and is missed when it is taken out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import daemon.engine.step as stepping
from daemon.engine.desk import Desk
from daemon.engine.operator_requests import OperatorRequests
from daemon.engine.settings import EngineSettings
from daemon.preflight.rehearsal import rehearse
from daemon.settings.build import ReferenceData, build_plan
from daemon.settings.engine_settings import engine_settings
from domain.clock import NS_PER_S, Now
from execution.cancel_all import CancelAllProgress
from feeds.failover import DualFeedFailover
from guards.clock_trust import ClockTrust
from guards.evidence.controls import REHEARSED
from guards.exchange import ExchangeGuard
from guards.freshness import FreshnessSentry
from guards.killswitch import KillLatch
from guards.limits.restricted import RestrictedList
from guards.risk import RiskGuard
from guards.values.canary import PrintCanary
from guards.vote import PASS
from tests.daemon.stand import FEES, START_S, short_settings

NOW = Now(10**12, START_S * NS_PER_S)
CASES: dict[str, dict[str, Any]] = {
    "short and hot": {},
    "the shortest final minute": {"windows": {"strict_lead_s": 5}},
    "the shortest, by lateness": {"windows": {"strict_lead_s": 5}, "freshness": {"basis": "lateness"}},
    "a final minute of most of the window": {
        "windows": {"period_s": 12, "preflight_lead_s": 11, "open_lead_s": 11, "strict_lead_s": 7}
    },
    "three seconds of it": {"windows": {"strict_lead_s": 3}},
    "a long way to the freeze": {"windows": {"freeze_lead_s": 19, "flatten_lead_min_ms": 15_000}},
    "short and standby": {"feeds": {"mode": "standby"}},
    "hourly, as shipped": {"windows": {"template": "hourly"}, "feeds": {"mode": "standby"}},
    "beyond the cadence": {"freshness": {"basis": "lateness"}},
}


def engine_of(**changes: Any) -> EngineSettings:  # noqa: ANN401 - values of any setting
    settings = short_settings(**changes)
    return engine_settings(settings, build_plan(settings, ReferenceData(FEES)), FEES)


@pytest.mark.step("X03")
@pytest.mark.parametrize("case", CASES)
def test_every_control_bites_as_configured(case: str) -> None:
    assert rehearse(engine_of(**CASES[case]), NOW) == ()


def allow(*_args: object, **_options: object) -> object:
    return PASS


def nothing(*_args: object, **_options: object) -> None:
    return None


def keep(*_args: object, **_options: object) -> tuple[()]:
    return ()


UNPLUGGED: dict[str, tuple[object, str, Callable[..., object]]] = {
    "freshness": (FreshnessSentry, "vote", allow),
    "freshness_trip": (FreshnessSentry, "_trip", nothing),
    "freeze": (Desk, "window_vote", allow),
    "failover": (DualFeedFailover, "tick", keep),
    "kill_switch": (KillLatch, "vote", allow),
    "cancel_all_tail": (CancelAllProgress, "extend_tail", nothing),
    "day_loss": (RiskGuard, "advance", nothing),
    "exchange_pause": (ExchangeGuard, "vote", allow),
    "clock": (ClockTrust, "vote", allow),
    "bad_print": (PrintCanary, "vote", allow),
    "restricted_list": (RestrictedList, "vote", allow),
    "journal": (OperatorRequests, "ask_stop", nothing),
}


@pytest.mark.step("X03")
@pytest.mark.parametrize("control", REHEARSED)
def test_a_control_that_is_taken_out_is_missed_by_name(control: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, name, permissive = UNPLUGGED[control]
    monkeypatch.setattr(whole, name, permissive)
    problems = rehearse(engine_of(), NOW)
    assert any(problem.startswith(f"{control}: ") for problem in problems), problems


@pytest.mark.step("X03")
def test_votes_that_nobody_asks_are_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stepping, "account_votes", keep)
    missed = {problem.partition(":")[0] for problem in rehearse(engine_of(), NOW)}
    assert missed >= {"kill_switch", "cancel_all_tail", "exchange_pause", "clock", "restricted_list", "journal"}


def test_a_control_that_raises_is_one_that_does_not_bite(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(ClockTrust, "observe", broken)
    assert "clock: raised ZeroDivisionError: " in rehearse(engine_of(), NOW)


def test_without_a_window_there_is_nothing_to_rehearse_in(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = engine_of()
    monkeypatch.setattr(type(settings.plan), "next_window", nothing)
    assert rehearse(settings, NOW) == ("no window is known in which to rehearse",)
