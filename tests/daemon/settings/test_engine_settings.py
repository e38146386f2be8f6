"""The configuration in the engine's own units."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from daemon.engine.settings import EngineSettings
from daemon.settings.build import Papers, build_plan
from daemon.settings.engine_settings import engine_settings, window_settings
from daemon.settings.tree import Settings
from domain.errors import ConfigurationError
from execution.reconcile import DriftLimits
from feeds.failover import Mode
from tests.daemon.stand import FEES, short_settings


def made(**changes: Any) -> EngineSettings:  # noqa: ANN401 - values of any setting
    settings = short_settings(**changes)
    return engine_settings(settings, build_plan(settings, Papers()), FEES)


def test_units_are_the_engines() -> None:
    found = made(quoting={"minimum_ev_cents": 7, "dead_band_cents": 2})
    assert (found.desk.minimum_edge, found.desk.quotes.dead_band) == (700, 200)
    assert (found.lead_min_ns, found.lead_max_ns) == (1_500_000_000, 15_000_000_000)
    assert found.failover.fail_back_after_ms == 5_000
    assert found.failover.silence_limit_ms == 5_000
    assert found.desk.freshness.strict_limit_ms == 700
    assert found.fees is not None


def test_hot_and_standby() -> None:
    assert made(feeds={"mode": "hot"}).feed_mode is Mode.HOT
    assert made(feeds={"mode": "hot"}).desk.divergence.enabled
    assert made(feeds={"mode": "standby"}).feed_mode is Mode.STANDBY
    assert not made(feeds={"mode": "standby"}).desk.divergence.enabled
    assert made(feeds={"secondary": None}).secondary == "none"


def test_only_an_exchange_on_this_machine_keeps_no_maintenance() -> None:
    assert made().exchange.maintenance == ()
    settings = Settings()
    found = engine_settings(settings, build_plan(settings, Papers()), FEES)
    assert found.exchange.maintenance
    assert not found.live


def test_limits_of_risk_are_the_configurations() -> None:
    found = made(risk={"per_window_contracts": 9, "per_day_dollars": 11})
    assert (found.per_window_contracts, found.risk.per_window_contracts, found.risk.per_day_dollars) == (9, 9, 11)
    assert found.desk.per_window_contracts == 9


def test_shares_of_drift_are_the_configurations_and_of_the_windows_limit() -> None:
    found = made(reconcile={"exchange_warn_percent": 5}, risk={"per_window_contracts": 9}).parity
    assert (found.exchange, found.inventory) == (DriftLimits(5, 20), DriftLimits(25, 45))
    assert found.contracts_limit == 9


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
    with pytest.raises(ConfigurationError) as caught:
        made(**changes)
    assert "\n" not in str(caught.value)


def test_the_windows_part_is_carried_over_whole() -> None:
    found = window_settings(Settings.model_validate({"windows": {"hourly_targets": [11, 12], "enable_1600": True}}))
    assert (found.hourly_targets, found.enable_1600, found.template) == ((11, 12), True, "hourly")
    assert Path("configs/fees.json") == Settings().fees_file
