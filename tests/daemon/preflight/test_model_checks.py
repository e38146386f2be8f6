"""The model's health: what settled, what was decided, what the models say; too little is unknown."""

from __future__ import annotations

import pytest

from daemon.preflight import model_checks
from daemon.preflight.model_checks import Forecasts, calibration, decision_memory, models, out_of_sample_gap
from domain.findings.finding import FAIL, PASS, UNKNOWN
from domain.ids import ClientOrderId, Ticker
from domain.market import Side
from domain.money import Cash, Count, Price
from domain.records import AnyEntry, OrderCreatedEntry, SettlementEntry
from journal.facts import RecordedFact
from pricing.fees import parse_fees
from pricing.honesty import SettledQuote
from tests.daemon.stand import FEES

RIGHT = [SettledQuote(950_000, won=True)] * 19 + [SettledQuote(950_000, won=False)]
WRONG = [SettledQuote(950_000, won=False)] * 20


@pytest.mark.step("K02")
def test_calibration_is_in_bounds_out_of_them_or_unknown() -> None:
    assert calibration(RIGHT * 5).status is PASS
    assert calibration(WRONG * 5).status is FAIL
    assert calibration([SettledQuote(500_000, won=n % 2 == 0) for n in range(200)]).status is FAIL, "sure of nothing"
    few = calibration((RIGHT * 5)[:99])
    assert few.status is UNKNOWN
    assert "99 settled forecasts in the journal, 100 are needed" in few.reason


@pytest.mark.step("K02")
def test_forecasts_that_grow_worse_are_over_fitted() -> None:
    assert out_of_sample_gap(RIGHT * 6).status is PASS
    assert out_of_sample_gap(RIGHT * 4 + WRONG * 2).status is FAIL
    assert out_of_sample_gap(WRONG * 2 + RIGHT * 4).status is PASS, "better is no over-fitting"
    assert out_of_sample_gap((RIGHT * 5)[:99]).status is UNKNOWN


@pytest.mark.step("K02")
@pytest.mark.parametrize(
    ("lines", "status", "said"),
    [
        ([("a:1", "p1"), ("a:2", "p2")], PASS, "2 decisions"),
        ([("a:1", "p1"), ("a:2", None)], FAIL, "a:2: no decision"),
        ([("a:1", "p1"), ("b:1", "p1")], FAIL, "b:1: p1 was decided before"),
        ([], UNKNOWN, "no decision was kept"),
    ],
)
def test_a_decision_memory_is_whole(lines: list[tuple[str, str | None]], status: object, said: str) -> None:
    found = decision_memory(lines)
    assert found.status is status
    assert said in found.reason


@pytest.mark.step("K02")
def test_every_model_is_loaded_and_answers_as_it_must(monkeypatch: pytest.MonkeyPatch) -> None:
    fees = parse_fees(FEES, "fees.json")
    assert models(fees, ("INXU", "NASDAQ100U")).status is PASS
    assert models(None, ("INXU",)).reason == "no fees of INXU"
    assert models(fees, ("NOBODY",)).status is FAIL
    monkeypatch.setattr(model_checks, "probability_above", lambda *_: 0.4)
    broken = models(fees, ("INXU",))
    assert (broken.status, broken.reason) == (FAIL, "fair value answers otherwise than it must")


def created(ticker: str, fair: int, kind: str = "quote") -> AnyEntry:
    return OrderCreatedEntry(
        ClientOrderId("c"), "INXU", Ticker(ticker), Side.BID, "limit", Price(100), Count(100), False, fair, 1,
        "drill" if kind == "drill" else "quote",
    )  # fmt: skip


def settled(ticker: str, result: str) -> AnyEntry:
    return SettlementEntry(
        "INXU", "w", 1, Ticker(ticker), result, None, "", "UNKNOWN", Cash(0), Cash(0), Count(0), Cash(0)
    )  # fmt: skip


def told(*entries: AnyEntry) -> list[SettledQuote]:
    forecasts = Forecasts()
    for entry in entries:
        forecasts.take(RecordedFact(None, 1, 0, entry))  # type: ignore[arg-type] # the record is not looked at
    return forecasts.settled()


def test_a_forecast_is_the_first_price_and_the_newest_settlement_counts() -> None:
    assert told(created("A", 9_000), created("A", 100), settled("A", "no"), settled("A", "yes")) == [
        SettledQuote(900_000, won=True)
    ]


def test_what_did_not_settle_was_a_drill_or_has_no_clear_result_is_no_evidence() -> None:
    assert told(created("A", 9_000)) == []
    assert told(created("A", 9_000, "drill"), settled("A", "yes")) == []
    assert told(created("A", 9_000), settled("A", "scalar")) == []
