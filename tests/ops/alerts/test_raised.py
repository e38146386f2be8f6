"""Every alert is told by a type of its own or by a record, says what it is about, and has a section in the runbook."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from domain.alert_types.catalogue import (
    ALERTS,
    FeedDownAlert,
    HealthCheckAlert,
    IndexStaleAlert,
    JobFailedAlert,
    PausedAlert,
    PlacesRefusedAlert,
    ReconcileDriftAlert,
    Severity,
    kind_of,
)
from domain.events import PositionState
from domain.ids import ClientOrderId, GroupId, OrderId, Ticker, TradeId, close_out_order_id
from domain.market import Side
from domain.money import Cash, Count, IndexValue, Price
from domain.reasons import Reason, RiskDecision, RiskLimit
from domain.records import (
    ENTRIES,
    CloseOutEntry,
    DrillEntry,
    Entry,
    FeedSwitchEntry,
    FeePathEntry,
    FillAdoptedEntry,
    ForeignFillEntry,
    GuardTripEntry,
    IncidentFiledEntry,
    KillSwitchEntry,
    OperatorActionEntry,
    OrderFilledEntry,
    OrderRefusedEntry,
    RestrictedListEntry,
    RiskDecisionEntry,
    SettlementEntry,
    StraySettlementEntry,
    StrictStandDownEntry,
    TimeToFlatEntry,
)
from ops.alerts.raised import RECORDED, raised_by

ROOT = Path(__file__).resolve().parents[3]
PRODUCT = ("daemon", "execution", "feeds", "guards", "journal", "ops", "pricing")
W = Severity.WARNING
VALUES = {"massive": IndexValue(1)}


def fill(
    liquidity: str, kind: Callable[..., Entry] = OrderFilledEntry, trade: str = "t", client: str = "c", **more: str
) -> Entry:
    names = TradeId(trade), ClientOrderId(client), OrderId("o"), "INXU", 1, Ticker("T"), Side.BID
    return kind(*names, Price(5_000), Count(100), Cash(0), liquidity, **more)


def settled(own: str, said: str, kind: Callable[..., Entry] = SettlementEntry, ticker: str = "T") -> Entry:
    return kind("INXU", "10", 1, Ticker(ticker), said, None, "", own, Cash(0), Cash(0), Count(0), Cash(0))


def stale(count: int = 1, *, frozen: bool = False) -> Entry:
    return GuardTripEntry(Reason.FINAL_MINUTE_STALE, "INXU", 1.0, 700.0, 9, count, frozen, {"massive": 1})


def asked(command: str, *refused: str) -> Entry:
    return OperatorActionEntry(command, "ann", "why", "operator_cli", refused=refused or UNSET)


def fees(problem: str = "", warning: str = "") -> Entry:
    return FeePathEntry("INXU", None, None, None, None, "quadratic", 1, problem, warning)


def judged(limit: RiskLimit) -> Entry:
    return RiskDecisionEntry(RiskDecision.HARD_STOP, approved=False, reason="lost", limit=limit)


def close_out(**end: Any) -> Entry:  # noqa: ANN401 - the two keys of an end
    return CloseOutEntry("i", "ann", "why", 5, **end)


TOLD: dict[str, tuple[Entry, str]] = {
    "arm_refused": (asked("arm", "paused"), "warning"),
    "close_all": (close_out(), "warning"),
    "close_all_ended": (close_out(outcome="flat", left=()), "info"),
    "daily_loss": (judged(RiskLimit.DAY_LOSS), "critical"),
    "drill_missed": (DrillEntry("cancel_all", "missed", session="s"), "warning"),
    "feed_divergence": (
        GuardTripEntry(Reason.FEED_DIVERGENCE, symbol="I:SPX", values=VALUES),
        "error",
    ),
    "feed_switch": (FeedSwitchEntry("massive", "polygon", "stale", 1.0), "warning"),
    "fees_disagree": (fees("multiplier"), "error"),
    "final_minute_stale": (stale(), "warning"),
    "foreign_fill": (fill("maker", ForeignFillEntry), "critical"),
    "incident_filed": (IncidentFiledEntry("i", "incidents/i.md", "0", "", ""), "error"),
    "kill_switch": (KillSwitchEntry("file", "why"), "critical"),
    "order_group_lost": (GuardTripEntry(Reason.ORDER_GROUP_LOST, "INXU", group_id=GroupId("g")), "warning"),
    "restricted_list": (RestrictedListEntry(("KXINXU",), (), ""), "warning"),
    "resume_refused": (asked("resume", "paused"), "warning"),
    "risk_alert": (judged(RiskLimit.GROSS), "critical"),
    "risk_reject": (
        OrderRefusedEntry(
            *("INXU", 1, ClientOrderId("c"), Ticker("T"), Side.BID, Price(5_000), Count(100), "full"),
            RiskLimit.PER_ORDER,
        ),
        "warning",
    ),
    "risk_stop_loss": (judged(RiskLimit.EVENT_LOSS), "critical"),
    "risk_stress_breach": (judged(RiskLimit.STRESS), "critical"),
    "settlement_disagrees": (settled("yes", "no"), "critical"),
    "strict_stand_down": (StrictStandDownEntry("INXU", 900.0, 700.0), "info"),
    "taker_fill": (fill("taker"), "critical"),
}
NO_ALERT: list[Entry] = [
    asked("resume"),
    asked("pause", "odd"),
    RiskDecisionEntry(RiskDecision.SOFT_PAUSE, approved=False, reason="ws_stale", series="INXU"),
    RiskDecisionEntry(RiskDecision.ALLOW, approved=True, reason=""),
    DrillEntry("cancel_all", "waits"),
    DrillEntry("cancel_all", "proven", ms=1.0),
    GuardTripEntry(Reason.BAD_PRINT, symbol="I:SPX", values=VALUES),
    fees(),
    fill("maker"),
    fill("taker", client=close_out_order_id("1", 1)),
    fill("taker", FillAdoptedEntry, by="ann", cause="checked"),
    settled("yes", "yes"),
    settled("UNKNOWN", "no"),
    settled("yes", "void"),
    TimeToFlatEntry("INXU", "ws_stale", 1.0, 1),
]


def made() -> set[str]:
    """Every type of alert that the product's sources make."""
    found: set[str] = set()
    for folder in PRODUCT:
        for path in (ROOT / folder).rglob("*.py"):
            names = {node.id for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Name)}
            found |= {name for name in names if name.endswith("Alert")}
    return found


def test_every_type_of_alert_is_made_somewhere_and_stands_in_the_catalogue() -> None:
    assert made() - {"Alert", "AnyAlert"} == {alert.__name__ for alert in ALERTS}


def test_no_kind_has_both_a_type_and_a_record() -> None:
    assert not {kind_of(alert) for alert in ALERTS} & set(RECORDED)


def test_every_alert_has_its_section_in_the_runbook() -> None:
    page = (ROOT / "docs" / "runbooks" / "alerts.md").read_text(encoding="utf-8")
    sections = {line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")}
    assert sections == {kind_of(alert) for alert in ALERTS} | set(RECORDED)


def test_what_an_alert_is_about_are_fields_of_what_tells_it() -> None:
    for alert in ALERTS:
        assert set(alert.ABOUT) <= set(alert.__struct_fields__), alert
    for kind, how in RECORDED.items():
        for entry in how.entries:
            assert set(how.about) <= set(entry.__struct_fields__), kind


@pytest.mark.parametrize("kind", sorted(RECORDED))
def test_a_record_tells_its_alert(kind: str) -> None:
    record, severity = TOLD[kind]
    raised = raised_by(record)
    assert raised is not None
    assert (raised.kind, raised.severity) == (kind, severity)
    assert raised.payload.items() <= msgspec.json.decode(msgspec.json.encode(record)).items()
    assert "kind" not in raised.payload


def test_a_severity_follows_what_the_record_says() -> None:
    grave = {raised.severity for raised in (raised_by(stale(2, frozen=True)),) if raised}
    assert grave == {Severity.CRITICAL}
    left = raised_by(close_out(outcome="stopped", left=(PositionState(Ticker("T"), Count(100)),)))
    assert left is not None
    assert left.severity is Severity.ERROR
    mild = raised_by(fees(warning="no coefficient"))
    assert mild is not None
    assert mild.severity is Severity.WARNING


def test_a_stray_settlement_is_weighed_like_any_other() -> None:
    raised = raised_by(settled("no", "yes", StraySettlementEntry))
    assert raised is not None
    assert raised.kind == "settlement_disagrees"


@pytest.mark.parametrize("record", NO_ALERT, ids=lambda record: type(record).__name__)
def test_a_record_of_what_is_no_trouble_tells_none(record: Entry) -> None:
    assert raised_by(record) is None


def test_records_that_tell_no_alert_are_left_alone() -> None:
    telling = {entry for how in RECORDED.values() for entry in how.entries}
    assert {type(record) for record, _ in TOLD.values()} <= telling < set(ENTRIES)


def subject(told: msgspec.Struct) -> str:
    raised = raised_by(told)
    assert raised is not None
    return raised.subject


def index_stale(series: str, age_ms: float) -> IndexStaleAlert:
    return IndexStaleAlert(W, series, "I:SPX", "massive", age_ms, 1500.0, "age", 1)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (index_stale("A", 1.0), index_stale("B", 1.0), index_stale("A", 2.0)),
        (FeedDownAlert(W, "a", "x"), FeedDownAlert(W, "a", "y"), FeedDownAlert(Severity.ERROR, "a", "x")),
        (PausedAlert(W, "ann: lunch"), PausedAlert(W, "bob: news"), PausedAlert(W, "ann: lunch")),
        (
            PlacesRefusedAlert(W, "A", 1, 1, "x"),
            PlacesRefusedAlert(W, "", 1, 1, "x"),
            PlacesRefusedAlert(W, "A", 2, 3, ""),
        ),
        (ReconcileDriftAlert(W, "a", "k"), ReconcileDriftAlert(W, "b", "k"), ReconcileDriftAlert(W, "a", "l")),
        (JobFailedAlert(W, "health", "x"), JobFailedAlert(W, "report", "x"), JobFailedAlert(W, "health", "x")),
        (HealthCheckAlert(W, ("a",), ()), HealthCheckAlert(W, (), ("a",)), HealthCheckAlert(W, ("a",), ())),
        (fill("taker"), fill("taker", trade="u"), fill("taker")),
        (settled("yes", "no"), settled("yes", "no", ticker="U"), settled("yes", "no")),
        (stale(1), stale(2), stale(1)),
        (
            FeedSwitchEntry("massive", "polygon", "stale", 1201.0),
            FeedSwitchEntry("polygon", "massive", "fresh again", 10.0),
            FeedSwitchEntry("massive", "polygon", "stale", 1300.0),
        ),
    ],
    ids=lambda told: type(told).__name__,
)
def test_what_is_about_something_else_is_another_alert(
    one: msgspec.Struct, other: msgspec.Struct, same: msgspec.Struct
) -> None:
    assert subject(one) != subject(other)
    assert subject(one) == subject(same)
