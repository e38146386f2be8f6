"""The fold tells each fact once, puts it where it belongs, and invents nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from domain.actions import Exit
from domain.clock import NS_PER_S, Now
from domain.events import BookTop, Wake
from domain.ids import Ticker, TradeId
from domain.market import Side, Top
from domain.records import Entry, FeedSwitchEntry, GuardTripEntry, NoteEntry, payload_of
from domain.window import Phase
from journal.facts import Seen, facts, tells_nothing, told_in
from journal.reader_io import JournalDamaged, read_records
from journal.record import canonical
from journal.reports.fold import Fold, day_of
from journal.reports.ledger import ledger_csv, ledger_rows
from journal.reports.window_fold import WindowFold, quantile, total
from journal.writer_io import JournalWriter
from tests.journal import story
from tests.journal.story import DAY, HIGH, LOW, SERIES, TARGET_NS, StepPayload

OpenWriter = Callable[..., JournalWriter]
BEFORE = Path(__file__).resolve().parents[2] / "daemon" / "runtime" / "state_before"


@pytest.fixture
def fold(open_writer: OpenWriter, tmp_path: Path) -> Fold:
    writer = open_writer()
    story.journal(writer, story.story())
    writer.append("note", {"text": "looked slow", "by": "night desk"})
    writer.close()
    return Fold().take_all(facts(read_records(tmp_path)))


@pytest.fixture
def window(fold: Fold) -> WindowFold:
    return fold.windows[(SERIES, TARGET_NS)]


def test_each_fact_is_told_once(fold: Fold) -> None:
    assert fold.counts[(DAY, "order_created")] == 3
    assert fold.counts[(DAY, "guard_trip")] == 1
    assert fold.counts[(DAY, "note")] == 1


def test_facts_are_told_in_order_each_with_its_place(open_writer: OpenWriter, tmp_path: Path) -> None:
    writer = open_writer()
    same = NoteEntry("same", "ann")
    writer.append("step", StepPayload(Wake(), Now(1, TARGET_NS), [Exit(0, "x"), same, same]), causation_id="0")
    writer.append("note", {"text": "other", "by": "night desk"})
    writer.close()
    told = list(told_in(read_records(tmp_path)))
    assert [(fact.ident, fact.entry) for fact in told] == [
        ("1.2", same),
        ("1.3", same),
        ("2", NoteEntry("other", "night desk")),
    ]
    whole = [fact.whole() for fact in told]
    assert [(one.event_id, one.type, one.causation_id) for one in whole[:2]] == [
        ("1.2", "note", "1"),
        ("1.3", "note", "1"),
    ]
    assert {one.run_id for one in whole} == {told[0].record.run_id}
    assert [bytes(one.payload) for one in whole] == [canonical(payload_of(fact.entry)) for fact in told]


def test_events_that_no_report_draws_on_are_passed_over(open_writer: OpenWriter, tmp_path: Path) -> None:
    writer = open_writer()
    story.journal(writer, story.story())
    writer.close()
    kinds = {type(item.event).__name__ for item in facts(read_records(tmp_path)) if isinstance(item, Seen)}
    assert kinds == {"Tick", "MarketsRead", "Started"}


def test_lines_that_tell_nothing_are_known_by_their_bytes(open_writer: OpenWriter, tmp_path: Path) -> None:
    writer = open_writer()
    top = BookTop(Top(Ticker(LOW), (), (), 1, 2))
    story.journal(
        writer, [(-5.0, top, []), (-5.0, Wake(), []), *story.story(), (-4.0, top, [story.phase(Phase.CLOSED)])]
    )
    writer.close()
    every = list(read_records(tmp_path))
    kept = list(read_records(tmp_path, skip=tells_nothing))
    assert len(every) - len(kept) == 2
    assert list(facts(kept)) == list(facts(every))


def test_a_window_has_its_parts(window: WindowFold) -> None:
    assert window.label == "hourly-1000"
    assert window.scheduler_window is not None
    assert window.scheduler_window.target_et == "10:00:00"
    assert window.fee_path is not None
    assert window.fee_path.fee_type == "quadratic"
    assert window.freshness is not None
    assert window.freshness.age_p50_ms == 120.0
    assert [name for _, name in window.phases] == ["preflight", "quoting", "strict"]
    assert (len(window.trips), len(window.switches), len(window.flats)) == (1, 1, 1)
    assert window.strikes == {LOW: 5_800_000_000, HIGH: 5_810_000_000}


def test_orders_are_followed_from_intent_to_end(window: WindowFold) -> None:
    bid, ask, refused = window.quotes
    assert (bid.edge, bid.place_rtt_ms, bid.filled, bid.order_id) == (300, 12.5, 100, "o1")
    assert bid.ended_ns(TARGET_NS) == TARGET_NS - 700 * NS_PER_S
    assert (ask.edge, ask.cancel_source, ask.cancel_rtt_ms, ask.filled) == (300, "id", 9.0, 0)
    assert (refused.failure_stage, refused.error_message, refused.ended_ns(TARGET_NS)) == (
        "exchange",
        "400",
        refused.created_ns,
    )
    assert round(window.resting_ns / NS_PER_S, 1) == 750.1


def test_a_fill_told_twice_counts_once(window: WindowFold) -> None:
    assert [fill.trade_id for fill in window.fills] == ["t1"]
    assert (window.contracts, window.fees) == (100, 0)


def test_booked_and_counted_profit_agree(window: WindowFold) -> None:
    assert window.pnl == window.pnl_from_fills == 580_000


def test_the_index_is_kept_in_half_seconds(fold: Fold, window: WindowFold) -> None:
    track = fold.active_track(window)
    assert track is not None
    assert track.ticks == 100
    assert max(longest for *_, longest in track.buckets.values()) == NS_PER_S
    low, high, last, _ = track.buckets[(TARGET_NS - 900 * NS_PER_S) // 500_000_000]
    assert low == high == last == 5_804_000_000


def test_the_active_feed_is_the_one_switched_to() -> None:
    fold = Fold()
    told = story.story()
    for at_s, event, actions in told[:6]:
        at_ns = TARGET_NS + int(at_s * NS_PER_S)
        fold.see(at_ns, event)
        for action in actions:
            assert isinstance(action, Entry)
            fold.take(at_ns, action)
    window = fold.windows[(SERIES, TARGET_NS)]
    for n in range(3):
        at_s, event = story.tick(-800 + n, 5_804_000_000, "backup")
        fold.see(TARGET_NS + int(at_s * NS_PER_S), event)
    assert fold.active_track(window) is window.tracks["backup"]
    at_s, event = story.tick(-700, 5_804_000_000, "primary")
    fold.take(TARGET_NS - 790 * NS_PER_S, FeedSwitchEntry("backup", "primary", "stale", None))
    assert fold.active_track(window) is window.tracks["primary"]


def test_what_names_no_window_goes_to_the_running_ones() -> None:
    fold = Fold()
    later_ns = TARGET_NS + 3600 * NS_PER_S
    fold.take(TARGET_NS - 60, story.phase(Phase.STRICT))
    fold.take(TARGET_NS - 60, story.phase(Phase.STRICT, "NASDAQ100U"))
    fold.take(TARGET_NS - 60, story.phase(Phase.CLOSED, SERIES, later_ns))
    fold.take(TARGET_NS - 50, story.flat("all", 5.0))
    fold.take(TARGET_NS - 50, story.flat(SERIES, 6.0))
    fold.take(TARGET_NS - 50, GuardTripEntry(reason="feed_divergence", symbol="I:NDX", values={}))
    first, second, later = fold.windows.values()
    assert (len(first.flats), len(second.flats), len(later.flats)) == (2, 1, 0)
    assert (len(first.trips), len(second.trips)) == (0, 1)
    fold.take(TARGET_NS + 60 * NS_PER_S, story.flat("all", 5.0))
    assert len(first.flats) == 2


def test_the_ledger_has_a_row_a_fill(fold: Fold) -> None:
    (row,) = ledger_rows(fold, SERIES, DAY)
    assert (row.ticker, row.price, row.result, row.pnl) == (LOW, 4200, "yes", 580_000)
    header, line, end = ledger_csv([row]).split("\n")
    assert header.startswith("utc_ns,series,window")
    assert ",0.4200,1.00,0.000000,maker,t1," in line
    assert line.endswith(",yes,0.580000")
    assert end == ""
    assert ledger_rows(fold, SERIES, "2026-03-07") == []


@pytest.mark.parametrize(
    ("side", "worth", "pnl"), [(Side.BID, 10_000, 577_000), (Side.BID, 0, -423_000), (Side.BID, 5_000, 77_000)]
)
def test_a_fill_is_worth_what_its_market_paid(side: Side, worth: int, pnl: int) -> None:
    fold = Fold()
    fold.take(TARGET_NS - 5, story.filled(1, LOW, side, 4200, fee=3_000))
    (fill,) = fold.windows[(SERIES, TARGET_NS)].fills
    assert fill.pnl(worth) == pnl
    other = replace(story.filled(1, LOW, Side.ASK, 4200, fee=3_000), trade_id=TradeId("other"))
    fold.take(TARGET_NS - 5, other)
    assert fold.windows[(SERIES, TARGET_NS)].fills[1].pnl(worth) == -pnl - 6_000
    assert fill.pnl(None) is None


def test_small_sums() -> None:
    assert quantile([], 0.5) is None
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert quantile([float(n) for n in range(1, 101)], 0.99) == 99.0
    assert quantile([5.0], 0.99) == 5.0
    assert total([]) is None
    assert total([1, None]) is None
    assert total([1, 2]) == 3
    assert day_of(TARGET_NS) == DAY


@pytest.mark.step("O05")
def test_a_journal_of_the_version_before_still_reads() -> None:
    refused = ""
    try:
        records = list(read_records(BEFORE))
    except JournalDamaged as problem:
        records, refused = [], str(problem)
    assert not refused
    assert {record.version for record in records} == {1}
    fold = Fold().take_all(facts(records))
    assert [moment.said.command for moment in fold.commands] == ["cancel_all", "kill"]
    assert Counter(kind for _, kind in fold.counts.elements())["kill_switch"] == 1


def test_a_type_and_a_key_of_a_later_build_are_kept_and_passed_over(open_writer: OpenWriter, tmp_path: Path) -> None:
    writer = open_writer()
    writer.append("weather", {"sky": "blue"})
    writer.append("note", {"text": "looked slow", "by": "ann", "mood": "calm"})
    writer.close()
    fold = Fold().take_all(facts(read_records(tmp_path)))
    assert sorted(kind for _, kind in fold.counts) == ["note"]
    assert [moment.said.text for moment in fold.notes] == ["looked slow"]
