"""The configuration in the engine's own units."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from daemon.engine.settings import EngineSettings
from daemon.settings.build import ReferenceData, build_engine, build_plan
from daemon.settings.engine_settings import engine_settings
from daemon.settings.tree import Settings
from execution.reconcile import DriftLimits
from feeds.failover import Mode
from tests.daemon.stand import FEES, short_settings


def made(**changes: Any) -> EngineSettings:  # noqa: ANN401 - values of any setting
    settings = short_settings(**changes)
    return engine_settings(settings, build_plan(settings, ReferenceData()), FEES)


def test_units_are_the_engines() -> None:
    found = made(quoting={"minimum_ev_cents": 7, "dead_band_cents": 2})
    assert found.quoting.minimum_edge == 700
    assert found.quoting.dead_band_cents == 2
    assert found.fees is not None


def test_hot_and_standby() -> None:
    assert made(feeds={"mode": "hot"}).feed_mode is Mode.HOT
    assert made(feeds={"mode": "standby"}).feed_mode is Mode.STANDBY
    assert made(feeds={"secondary": None}).secondary == "none"


def test_only_an_exchange_on_this_machine_has_no_usual_hours() -> None:
    assert made().schedule.stands_in is None
    settings = Settings()
    found = engine_settings(settings, build_plan(settings, ReferenceData()), FEES)
    assert found.schedule.stands_in
    assert not found.live


def test_limits_of_risk_are_the_configurations() -> None:
    found = made(risk={"per_window_contracts": 9, "per_day_dollars": 11})
    assert (found.risk.per_window_contracts, found.risk.per_day_dollars) == (9, 11)


def test_shares_of_drift_are_the_configurations_and_of_the_windows_limit() -> None:
    engine = build_engine(
        short_settings(reconcile={"exchange_warn_percent": 5}, risk={"per_window_contracts": 9}), ReferenceData(FEES)
    )
    found = engine.state.parity.settings
    assert (found.exchange, found.inventory) == (DriftLimits(5, 20), DriftLimits(25, 45))
    assert engine.state.held.groups.contracts_limit == 9


@pytest.mark.parametrize("changes", [{"exchange_warn_percent": 21}, {"inventory_critical_percent": 24}])
def test_a_drift_must_warn_before_it_is_critical(changes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="it must warn first"):
        made(reconcile=changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"windows": {"strict_lead_s": 101}},
        {"windows": {"open_lead_s": 111}},
        {"windows": {"freeze_lead_s": 20}},
        {"windows": {"preflight_lead_s": 121}},
        {"freshness": {"strict_limit_ms": 1_600}},
        {"freshness": {"soft_limit_ms": 2_100}},
    ],
    ids=str,
)
def test_what_contradicts_itself_is_a_configuration_error(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        made(**changes)
    [problem] = caught.value.errors()
    assert problem["loc"] == tuple(changes)
    assert "\n" not in problem["msg"]


@pytest.mark.parametrize("part", ["freshness", "quoting", "risk", "reconcile", "controls"])
def test_each_part_is_handed_down_whole(part: str) -> None:
    settings = short_settings()
    given = engine_settings(settings, build_plan(settings, ReferenceData()), FEES)
    assert getattr(given, part) is getattr(settings, part)


def test_each_machine_holds_the_part_of_the_configuration_itself() -> None:
    settings = short_settings(freshness={"strict_limit_ms": 650}, windows={"hourly_targets": [11, 12]})
    state = build_engine(settings, ReferenceData(FEES)).state
    assert state.plan.settings is settings.windows
    assert state.parity.settings is settings.reconcile
    assert state.controls.settings is settings.controls
    for desk in state.desks.values():
        assert desk.sentry.settings is settings.freshness
        assert desk.settings.quoting is settings.quoting
