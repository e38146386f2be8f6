"""An incident's page: what, why, figures, owner, who is on call, action, and the time line around the breach."""

from __future__ import annotations

import msgspec
import pytest

from domain.clock import NS_PER_S
from domain.reasons import Breach
from domain.records import (
    AnyEntry,
    BreachEntry,
    IncidentFigure,
    IncidentOpenedEntry,
    LimitsEntry,
    NoteEntry,
    TimeToFlatEntry,
)
from journal.facts import RecordedFact
from journal.record import Record
from journal.reports.render import markdown
from ops.incidents.page import BEFORE_NS, NOBODY, WORDS_MAX, Ended, NoSuchIncidentError, page

S = NS_PER_S
AT_NS = 1_772_809_200 * S
IDENT = "20260306T150000.000Z-places_refused"
OPENED = IncidentOpenedEntry(
    IDENT,
    Breach.PLACES_REFUSED,
    "20 places in 60 s",
    (IncidentFigure("equity", "$7.00"), IncidentFigure("loss", "$1.00", "$5.00")),
)


def told(*entries: tuple[int, AnyEntry]) -> list[RecordedFact]:
    line = Record(
        seq=7, event_id="7", ts_utc="2026-03-06T15:00:00.000000000Z", mono_ns=1, type="step", version=2, run_id="r",
        environment="paper", config_hash="h", correlation_id="", causation_id="", payload=msgspec.Raw(b"{}"),
        prev_hash="", hash="",
    )  # fmt: skip
    return [RecordedFact(line, index, AT_NS + at_ns, entry) for index, (at_ns, entry) in enumerate(entries, start=1)]


def text(*entries: tuple[int, AnyEntry], flat_ns: int | None = 800_000_000, on_call: tuple[str, ...] = ()) -> str:
    return markdown(page(told(*entries), IDENT, Ended(flat_ns), on_call))


@pytest.mark.step("G05", "G08")
def test_it_says_what_whose_and_what_to_do() -> None:
    shown = text((0, OPENED), on_call=("Ann, +1 555", "Bob"))
    assert shown.startswith(f"# Incident {IDENT}\n")
    for line in (
        "| what | places_refused |",
        "| why | 20 places in 60 s |",
        "| nothing live | 800 ms after the breach |",
        "| owner | operations |",
        "| on call | Ann, +1 555; Bob |",
        "| equity | $7.00 | - |",
        "| loss | $1.00 | $5.00 |",
        "| runbook | docs/runbooks/alerts.md#places_refused |",
    ):
        assert line in shown.splitlines()
    assert "ladderd resume --by NAME --cause TEXT" in shown


def test_nobody_on_call_and_orders_that_may_be_live_are_said() -> None:
    shown = text((0, OPENED), flat_ns=None)
    assert NOBODY in shown
    assert "| nothing live | not yet: orders may be live |" in shown.splitlines()


def test_the_time_line_has_the_minutes_before_and_all_after_with_the_distance() -> None:
    shown = text(
        (-BEFORE_NS - 1, NoteEntry("too old", "ann")),
        (-2 * S, NoteEntry("lunch", "ann")),
        (0, BreachEntry(Breach.PLACES_REFUSED, "20 places in 60 s")),
        (0, OPENED),
        (S // 2, TimeToFlatEntry("INXU", "paused", 499.0, 2)),
        (S, NoteEntry("x" * 1_000, "ann")),
    )
    assert "too old" not in shown
    assert "| -2.000 s | 7.2 | note: text lunch, by ann |" in shown
    assert "| +0.500 s | 7.5 | time_to_flat: series INXU, trigger paused, ms 499.0, orders 2 |" in shown
    assert f"| 7.4 | incident_opened {IDENT} |" in shown
    assert "x" * (WORDS_MAX + 1) not in shown
    assert LimitsEntry.__name__ not in shown


def test_a_name_that_no_record_has_is_refused() -> None:
    with pytest.raises(NoSuchIncidentError, match="no incident other"):
        page(told((0, OPENED)), "other", Ended(None), ())
