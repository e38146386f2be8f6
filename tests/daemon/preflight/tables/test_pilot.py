"""Each number of the pilot's question: on its limit, beside it, and when it is not known."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from daemon.preflight.tables.evidence_file import Evidence, Ours, judge
from daemon.preflight.tables.pilot import (
    EVENTS_MIN,
    FILLS_MIN,
    MODEL_LIMIT_S,
    RECORD_LIMIT_S,
    SESSIONS_MIN,
    FillModelEvidence,
    HonestyEvidence,
    JournalRead,
    model_looks,
    scoreboard_looks,
)
from domain.clock import NS_PER_S
from domain.findings.finding import FAIL, PASS, UNKNOWN, Finding, FindingStatus
from domain.stamps import utc_text
from journal.reports.track_record import Earned, TrackRecord

NOW_NS = 1_796_000_000 * NS_PER_S
LIVE = "live@external-api.kalshi.com"
OURS = Ours(LIVE, "config", "build", "lock")
CONTRACT, DOLLAR = 100, 1_000_000


def good(windows: int = 100, cents: int = 6, swing: int = 4, *, expected: int = 5, fills: int = 3) -> TrackRecord:
    """Windows of three contracts, five a session, that earn `cents` a contract, `swing` more and less in turn."""
    rows = [
        Earned(
            NOW_NS - (windows - n) * 3_600 * NS_PER_S,
            f"day-{n // 5:03}",
            fills,
            fills * CONTRACT,
            10 * fills * CONTRACT,
            fills * (cents + (swing if n % 2 else -swing)) * DOLLAR // 100,
            fills * expected * DOLLAR // 100,
        )
        for n in range(windows)
    ]
    return TrackRecord(tuple(rows), 0)


def looked(record: TrackRecord, **changes: Any) -> dict[str, Finding]:  # noqa: ANN401 - values of any field
    read = JournalRead(record, "journal", "ab", "2026-11-30T00:00:00Z", {})._replace(**changes)
    return {one.name: one for one in scoreboard_looks(read, LIVE, NOW_NS)}


@pytest.mark.step("H08")
def test_a_good_record_passes_every_line_with_its_number() -> None:
    found = looked(good())
    assert {one.status for one in found.values()} == {PASS}, found
    assert found["fills"].reason == "300 fills, 300 needed"
    assert found["sessions"].reason == "20 sessions with a fill, 20 needed"
    assert found["profit"].reason.startswith("+6.00 c a contract after fees (95 % by session +5.")
    assert "t +14.92 by window, 2 needed" in found["profit"].reason
    assert found["profit_bps"].reason == "+600.0 bps of a contract's dollar, +6 needed"
    assert found["expected"].reason.startswith("+1.00 c a contract beyond what was expected, t +2.49 by window")
    assert {(one.path, one.sha256) for one in found.values()} == {("journal", "ab")}


@pytest.mark.step("H08")
@pytest.mark.parametrize(
    ("record", "line", "says"),
    [
        (good(99), "fills", "297 fills, 300 needed"),
        (good(95, fills=4), "sessions", "19 sessions with a fill, 20 needed"),
        (good(cents=-6), "profit", "-6.00 c a contract"),
        (good(cents=6, swing=40), "profit", "t +1.49 by window, 2 needed"),
        (good(cents=0, swing=4), "profit_bps", "+0.0 bps of a contract's dollar, +6 needed"),
        (good(expected=8), "expected", "-2.00 c a contract beyond what was expected, t -4.97 by window"),
    ],
)
def test_each_no_go_names_its_number(record: TrackRecord, line: str, says: str) -> None:
    found = looked(record)[line]
    assert found.status is FAIL
    assert says in found.reason


@pytest.mark.step("H08")
def test_worse_than_expected_is_against_only_when_it_is_sure() -> None:
    assert looked(good(expected=7, swing=40))["expected"].status is PASS
    assert looked(good(expected=7, swing=4))["expected"].status is FAIL


@pytest.mark.step("H08")
@pytest.mark.parametrize(
    ("changes", "status", "says"),
    [
        ({"problem": "no journal: nothing was traded here", "absent": True}, UNKNOWN, "no journal"),
        ({"problem": "journal/x:3: hash differs"}, FAIL, "journal/x:3"),
    ],
)
def test_a_journal_that_is_absent_or_cannot_be_believed_turns_every_line(
    changes: dict[str, Any], status: FindingStatus, says: str
) -> None:
    for one in looked(TrackRecord((), 0), **changes).values():
        assert one.status is status
        assert says in one.reason


@pytest.mark.step("H08")
def test_a_record_of_nothing_of_long_ago_or_of_tomorrow_does_not_pass() -> None:
    nothing = looked(TrackRecord((), 2), others={"paper@127.0.0.1": 400})
    assert nothing["record"].status is UNKNOWN
    assert "no settled fill of live@" in nothing["record"].reason
    assert "not counted: 400 of paper@127.0.0.1" in nothing["record"].reason
    assert {nothing[name].status for name in ("fills", "sessions")} == {FAIL}
    assert {nothing[name].status for name in ("profit", "profit_bps", "expected")} == {UNKNOWN}
    for shift_s, says in ((-RECORD_LIMIT_S, "too old"), (3 * 3_600, "a clock was wrong")):
        rows = tuple(row._replace(target_ns=row.target_ns + shift_s * NS_PER_S) for row in good().windows)
        found = looked(TrackRecord(rows, 0))["record"]
        assert (found.status, says in found.reason) == (FAIL, True)


@pytest.mark.step("H08")
def test_a_look_that_raises_fails_and_one_that_cannot_know_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = tuple(row._replace(expected=None) for row in good().windows)
    assert looked(TrackRecord(unknown, 0))["expected"].status is UNKNOWN
    assert looked(good(swing=0))["profit"].status is UNKNOWN, "no spread between windows: no certainty to be had"

    def broken(_record: TrackRecord) -> None:
        raise ZeroDivisionError("bug")

    monkeypatch.setattr(TrackRecord, "profit", broken)
    found = looked(good())
    for name in ("profit", "profit_bps"):
        assert found[name].status is FAIL
        assert "the look itself raised ZeroDivisionError" in found[name].reason


def told(name: str, **changes: object) -> bytes:
    common = (LIVE, "other configuration", "other build", utc_text(NOW_NS))
    made: FillModelEvidence | HonestyEvidence
    made = (
        FillModelEvidence(*common, 100_000) if name == "fill_model" else HonestyEvidence(*common, EVENTS_MIN, 750_000)
    )
    return msgspec.json.encode(msgspec.structs.replace(made, **changes))


def seen(name: str, data: bytes | None, at_ns: int = NOW_NS, record: TrackRecord | None = None) -> Finding:
    (look,) = [each for each in model_looks(record or good()) if each.name == name]
    found = None if data is None else Evidence("there", data, NOW_NS)
    return judge(look, found, OURS, at_ns)


@pytest.mark.step("H08")
@pytest.mark.parametrize("name", ["fill_model", "honesty"])
def test_evidence_about_the_model_counts_when_it_is_whole_young_and_ours(name: str) -> None:
    assert seen(name, None).status is UNKNOWN
    assert seen(name, told(name)).status is PASS
    for broken in (b"", b" ", b"{", b"null", b"[]", b"{}", told(name)[:-1], told(name, taken_utc="yesterday")):
        assert seen(name, broken).status is FAIL, broken
    assert seen(name, told(name), NOW_NS + MODEL_LIMIT_S * NS_PER_S).status is PASS
    assert "too old" in seen(name, told(name), NOW_NS + (MODEL_LIMIT_S + 1) * NS_PER_S).reason
    assert "of paper@localhost" in seen(name, told(name, environment="paper@localhost")).reason


@pytest.mark.step("H08")
@pytest.mark.parametrize(
    ("name", "changes", "says"),
    [
        ("fill_model", {"alpha_ppm": 150_000}, ""),
        ("fill_model", {"alpha_ppm": 150_001}, "0.100 of what was sent was filled, 0.150 expected"),
        ("fill_model", {"alpha_ppm": 49_999}, "0.050 expected"),
        ("honesty", {"clamp_ppm": 749_999}, "clamp 0.749999, 0.75 needed"),
        ("honesty", {"clamp_ppm": 500_000}, "clamp 0.5, 0.75 needed"),
        ("honesty", {"settled_events": EVENTS_MIN - 1}, "119 settled events, 120 needed"),
    ],
)
def test_each_number_about_the_model_has_its_limit(name: str, changes: dict[str, object], says: str) -> None:
    found = seen(name, told(name, **changes))
    assert found.status is (FAIL if says else PASS)
    assert says in found.reason


def test_nothing_that_was_sent_has_no_share() -> None:
    assert "nothing was sent" in seen("fill_model", told("fill_model"), record=TrackRecord((), 0)).reason


def test_the_numbers_are_those_of_the_row() -> None:
    assert (FILLS_MIN, SESSIONS_MIN, EVENTS_MIN) == (300, 20, 120)
