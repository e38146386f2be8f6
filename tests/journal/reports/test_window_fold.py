"""The report's two ways to the same profit, against the simulated exchange's own ledger, fees and all."""

from __future__ import annotations

import pytest
from msgspec.structs import asdict

from daemon.engine.parity.adoption import told_of
from domain.clock import NS_PER_S
from domain.market import Side
from domain.money import Cash
from domain.records import FillAdoptedEntry, ForeignFillEntry, OrderFilledEntry
from domain.window import Phase
from execution.positions import Ledger
from journal.reports.fold import Fold
from journal.reports.render import markdown
from journal.reports.report import window_report
from journal.reports.window_fold import WindowFold
from tests.journal import story
from tests.journal.story import LOW, SERIES, TARGET_NS
from tests.sim.exchange.rig import Rig
from tests.sim.exchange.trading import earned, fill_of, settlements_of, trade_at_random

SEEDS = range(60)


def told(made: Rig) -> tuple[Fold, WindowFold]:
    """What the journal would say of this trading, folded: fills, settlements, the window's result."""
    fold, ledger = Fold(), Ledger()
    at_ns = TARGET_NS - NS_PER_S
    fold.take(at_ns, story.phase(Phase.QUOTING))
    for one in made.member.fills:
        fill = fill_of(one)
        ledger.fill(fill, SERIES, TARGET_NS)
        fold.take(at_ns, OrderFilledEntry(**told_of(fill, SERIES, TARGET_NS)))
    rows = settlements_of(made)
    for ticker in list(ledger.markets):
        # The exchange settles nothing for a market in which nothing is held: its row is the market's own result.
        row = rows.get(ticker)
        result, fee = made.exchange.state.markets[ticker].result, row.fee if row else Cash(0)
        pnl = ledger.settle(ticker, result, fee)
        assert pnl is not None
        fold.take(TARGET_NS, story.settled(ticker, result, 0, pnl, fee))
    fold.take(TARGET_NS, story.result(ledger.own_realised))
    return fold, fold.windows[SERIES, TARGET_NS]


@pytest.mark.step("X10")
def test_booked_and_recounted_profit_are_what_the_exchange_paid_whatever_the_fees() -> None:
    with_fees = 0
    for seed in SEEDS:
        made = trade_at_random(seed)
        fold, window = told(made)
        assert window.pnl == window.pnl_from_fills == earned(made), seed
        assert "DISAGREE" not in markdown(window_report(fold, window)), seed
        with_fees += bool(window.fees)
    assert with_fees > len(SEEDS) * 3 // 4


@pytest.mark.step("X10")
@pytest.mark.parametrize("off", [-10_000, 1, 10_000])
def test_a_profit_that_is_off_by_anything_is_shouted_beside_fees(off: int) -> None:
    fold, window = told(trade_at_random(1))
    assert window.pnl is not None
    assert window.fees
    fold.take(TARGET_NS + 1, story.result(window.pnl + off))
    assert "DISAGREE" in markdown(window_report(fold, window))


def test_what_a_settlement_charges_beyond_the_fills_is_charged_once() -> None:
    fold = Fold()
    fold.take(TARGET_NS - 5, story.filled(1, LOW, Side.BID, 4200, fee=3_000))
    window = fold.windows[SERIES, TARGET_NS]
    for fee, counted in ((0, 577_000), (3_000, 577_000), (3_500, 576_500)):
        fold.take(TARGET_NS, story.settled(LOW, "yes", 100, 0, fee))
        assert window.pnl_from_fills == counted


def test_an_adopted_fill_is_no_fill_of_ours_and_its_fee_is_not_ours_either() -> None:
    fold = Fold()
    fold.take(TARGET_NS - 5, story.filled(1, LOW, Side.BID, 4200, fee=3_000))
    theirs = asdict(story.filled(2, LOW, Side.ASK, 4000, fee=2_000))
    fold.take(TARGET_NS - 5, ForeignFillEntry(**theirs))
    fold.take(TARGET_NS - 4, FillAdoptedEntry(**theirs, by="ann", cause="by hand"))
    fold.take(TARGET_NS - 3, FillAdoptedEntry(**theirs, by="ann", cause="by hand"))
    fold.take(TARGET_NS, story.settled(LOW, "yes", 0, 577_000, 5_000))
    window = fold.windows[SERIES, TARGET_NS]
    assert (len(window.fills), len(window.adopted)) == (1, 1)
    assert window.pnl_from_fills == 577_000
    assert "Not ours" in markdown(window_report(fold, window))
