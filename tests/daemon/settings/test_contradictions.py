"""What contradicts is refused with both names; what is only never reached is said; the shipped defaults start."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from daemon.settings.contradictions import contradiction, never_reached
from daemon.settings.load_io import load
from domain.errors import ConfigurationError
from execution.quoter import QuoteSettings
from guards.limits.settings import RiskSettings

QUOTING, RISK = QuoteSettings(), RiskSettings()


def test_the_defaults_contradict_nothing_and_say_what_is_never_reached() -> None:
    assert contradiction(QUOTING, RISK) == ""
    told = never_reached(QUOTING, RISK)
    assert "risk.per_order_dollars is never reached: quoting.contracts_per_order is smaller" in told
    assert not [line for line in told if line.startswith("risk.per_week_dollars")]


CASES = [
    ({"contracts_per_order": 6}, {}, ("quoting.contracts_per_order 6", "risk.per_market_contracts 5")),
    (
        {"contracts_per_order": 6},
        {"per_market_contracts": 9, "per_window_contracts": 5},
        ("risk.per_window_contracts",),
    ),
    (
        {"contracts_per_order": 4},
        {"joint_delta_contracts": 3},
        ("contracts_per_order", "joint_delta_contracts"),
    ),
    ({"contracts_per_order": 3}, {"per_order_dollars": 1}, ("quoting.contracts_per_order", "risk.per_order_dollars")),
    ({"contracts_per_order": 5}, {"per_day_dollars": 2}, ("quoting.contracts_per_order", "risk.per_day_dollars")),
    ({"contracts_per_order": 5}, {"per_week_dollars": 2}, ("quoting.contracts_per_order", "risk.per_week_dollars")),
    ({}, {"per_day_dollars": 1}, ("risk.event_share_ppm", "risk.per_day_dollars", "quoting.contracts_per_order")),
    ({}, {"per_day_dollars": 2, "series_share_ppm": 249_999}, ("risk.series_share_ppm", "risk.per_day_dollars")),
]


@pytest.mark.parametrize(("quoting", "risk", "names"), CASES)
def test_a_contradiction_names_both(quoting: dict[str, int], risk: dict[str, int], names: tuple[str, ...]) -> None:
    found = contradiction(msgspec.structs.replace(QUOTING, **quoting), msgspec.structs.replace(RISK, **risk))
    for name in names:
        assert name in found


def test_the_bound_itself_is_no_contradiction() -> None:
    quoting = msgspec.structs.replace(QUOTING, contracts_per_order=5)
    assert contradiction(quoting, RISK) == ""
    assert contradiction(QUOTING, msgspec.structs.replace(RISK, per_day_dollars=2)) == ""


def test_a_weeks_limit_beyond_five_days_is_never_reached() -> None:
    told = never_reached(QUOTING, msgspec.structs.replace(RISK, per_week_dollars=5_000))
    assert "risk.per_week_dollars is never reached: risk.per_day_dollars on five days is smaller" in told


def test_a_configuration_that_contradicts_itself_is_refused_at_the_start(tmp_path: Path) -> None:
    config = tmp_path / "ladderd.toml"
    config.write_text("[quoting]\ncontracts_per_order = 6\n")
    with pytest.raises(ConfigurationError, match=r"quoting\.contracts_per_order 6 is more than risk\.per_market"):
        load(config)
