"""Every check blocks when it saw nothing; one that raises fails; and the exit code says it, for programs too."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from daemon.preflight import checks as preflight
from daemon.preflight.checks import CHECKS, chosen, exit_code
from daemon.preflight.live_drill_io import CONTROLS
from daemon.settings.tree import Settings
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.events import ClockSample, FeesRead, GroupsRead, GroupState, LimitsRead
from domain.findings.finding import Finding, FindingStatus
from domain.ids import GroupId, RequestId
from guards.calendar import NyseCalendar, parse_table
from pricing.fees import parse_fees

ROOT = Path(__file__).resolve().parents[3]
NOW = Now(10**12, 1_800_000_000 * NS_PER_S)
ID = RequestId(1)
PASS, FAIL, UNKNOWN = FindingStatus.PASS, FindingStatus.FAIL, FindingStatus.UNKNOWN
LIVE = {
    "mode": "live",
    "exchange": {
        "rest_url": "https://external-api.kalshi.com/trade-api/v2",
        "ws_url": "wss://external-api-ws.kalshi.com/trade-api/ws/v2",
    },
}
TABLE = parse_table((ROOT / "configs" / "nyse_days.csv").read_text("utf-8"))


def found(status: FindingStatus, name: str = "disk") -> Finding:
    return Finding(name, status, "")


def test_the_table_has_the_checks_that_live_trading_needs() -> None:
    names = [check.name for check in CHECKS]
    assert len(names) == len(set(names)) >= 15
    assert all(check.asks for check in CHECKS)
    assert {check.name for check in chosen(apis=True, data=False)} >= {"credentials", "exchange_authenticated"}
    assert {check.name for check in chosen(apis=False, data=True)} >= {"data_freshness", "feed_entitlement"}
    assert chosen(apis=False, data=False) == CHECKS


@pytest.mark.parametrize(
    ("findings", "asked", "heard", "code"),
    [
        ([found(PASS), found(FindingStatus.NOT_CONFIGURED)], True, True, 0),
        ([found(PASS), found(FAIL)], True, True, 1),
        ([found(UNKNOWN)], True, True, 1),
        ([found(UNKNOWN)], True, False, 69),
        ([found(PASS)], False, False, 0),
        ([found(UNKNOWN, "credentials"), found(UNKNOWN)], True, False, 78),
        ([found(FAIL, "settings")], False, False, 78),
    ],
)
def test_exit_codes(findings: list[Finding], asked: bool, heard: bool, code: int) -> None:  # noqa: FBT001 - cases
    assert exit_code(findings, asked=asked, heard=heard) == code


@pytest.mark.step("K04")
def test_credentials_are_named_and_never_shown() -> None:
    secret = "hush-hush"
    whole = Settings.model_validate(
        {"exchange": {"api_key_id": secret, "private_key": secret}, "feeds": {"api_key": secret}}
    )
    finding = preflight.credentials(whole)
    assert finding.status is PASS
    assert "LADDERD_EXCHANGE__API_KEY_ID" in finding.reason
    assert secret not in finding.reason
    bare = preflight.credentials(Settings())
    assert bare.status is FAIL
    assert "LADDERD_FEEDS__API_KEY (secondary)" in bare.reason


@pytest.mark.parametrize(
    ("mode", "approved", "status"),
    [
        ({}, None, FindingStatus.NOT_CONFIGURED),
        (LIVE, None, UNKNOWN),
        (LIVE, "", FAIL),
        (LIVE, "other", FAIL),
        (LIVE, "digest", PASS),
        ({}, "other", FAIL),
    ],
)
def test_config_pin(mode: dict[str, object], approved: str | None, status: FindingStatus) -> None:
    assert preflight.config_pin(Settings.model_validate(mode), approved, "digest").status is status


def test_live_mode_on_a_demo_host_fails() -> None:
    assert preflight.mode_host(Settings.model_validate(LIVE), "demo-api.kalshi.co").status is FAIL
    assert preflight.mode_host(Settings(), "external-api.kalshi.com").status is FAIL
    assert preflight.mode_host(Settings(), "127.0.0.1").status is PASS


def test_calendar_must_be_there_agree_and_reach_ahead() -> None:
    settings, last = Settings(), max(TABLE)
    calendar = NyseCalendar(TABLE)
    assert preflight.market_calendar(settings, TABLE, calendar, last - dt.timedelta(days=30)).status is PASS
    assert preflight.market_calendar(settings, TABLE, calendar, last - dt.timedelta(days=3)).status is FAIL
    assert preflight.market_calendar(settings, None, None, last).status is FAIL
    monday = next(day for day in TABLE if day.weekday() == 0 and TABLE[day] == 16)
    wrong = TABLE | {monday: None}
    finding = preflight.market_calendar(settings, wrong, NyseCalendar(wrong), min(TABLE))
    assert finding.status is FAIL
    assert str(monday) in finding.reason


@pytest.mark.parametrize(
    ("offset_ms", "doubt_ms", "status"), [(100, 100, PASS), (600, 100, PASS), (1600, 100, FAIL), (0, 300, FAIL)]
)
def test_clock(offset_ms: int, doubt_ms: int, status: FindingStatus) -> None:
    sample = ClockSample(offset_ms * NS_PER_MS, doubt_ms * NS_PER_MS)
    assert preflight.clock_offset(sample, NOW).status is status


def test_a_clock_never_compared_is_unknown() -> None:
    assert preflight.clock_offset(None, NOW).status is UNKNOWN


def test_a_bucket_too_small_to_flatten_fails() -> None:
    def limits(capacity: int) -> LimitsRead:
        return LimitsRead(ID, NOW, "basic", 100, capacity, 200, 600, 10, 2, 10)

    needed = 2 * (4 * 10 + 8 * 2 + 2)
    assert preflight.rate_limits(limits(needed + 10), 8, 4).status is PASS
    assert preflight.rate_limits(limits(needed + 9), 8, 4).status is FAIL


def test_a_group_nobody_knows_fails() -> None:
    read = GroupsRead(ID, NOW, (GroupState(GroupId("g1"), triggered=False, exchange_index=0),))
    assert preflight.order_groups(read, frozenset({"g1"})).status is PASS
    for known in (None, frozenset[str](), frozenset({"g2"})):
        assert preflight.order_groups(read, known).status is FAIL
    assert preflight.order_groups(GroupsRead(ID, NOW, ()), None).status is PASS


def test_proofs_grow_old() -> None:
    def judged(age_s: int, *, live: bool = True) -> FindingStatus:
        proofs = dict.fromkeys(CONTROLS, NOW.utc_ns) | {CONTROLS[0]: NOW.utc_ns - age_s * NS_PER_S}
        return preflight.control_proofs(proofs, CONTROLS, NOW, live=live).status

    assert judged(86_400) is PASS
    assert judged(86_401) is FAIL
    assert judged(-1) is FAIL, "a proof from the future"
    assert preflight.control_proofs({}, CONTROLS, NOW, live=True).status is UNKNOWN
    assert preflight.control_proofs({}, CONTROLS, NOW, live=False).status is FindingStatus.NOT_CONFIGURED
    assert preflight.control_proofs({CONTROLS[0]: NOW.utc_ns}, CONTROLS, NOW, live=False).status is UNKNOWN


def test_fees_must_agree_for_every_series() -> None:
    path = ROOT / "configs" / "fees.json"
    file = parse_fees(path.read_bytes(), str(path))

    def read(fee_type: str = "quadratic", ppm: int = 1_000_000, problem: str = "") -> FeesRead:
        return FeesRead(ID, NOW, "INXU", fee_type, ppm, problem)

    assert preflight.fee_agreement(file, [read()]).status is PASS
    assert preflight.fee_agreement(file, [read(ppm=500_000)]).status is PASS, "a taker's rate blocks close-all only"
    assert preflight.fee_agreement(file, [read("quadratic_with_maker_fees")]).status is FAIL
    assert preflight.fee_agreement(file, [read(problem="fee change planned")]).status is FAIL
    assert preflight.fee_agreement(None, [read()]).status is FAIL
    assert preflight.fee_agreement(file, []).status is UNKNOWN
