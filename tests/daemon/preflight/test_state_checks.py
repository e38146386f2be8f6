"""Data and own state: what is missing, too old or different blocks, and what merely lags does not."""

from __future__ import annotations

import msgspec
import pytest

from daemon.client.index_snapshot import Shown
from daemon.engine.memory import Memory, remember
from daemon.preflight import state_checks as checks
from daemon.preflight.state_checks import Compared
from daemon.settings.tree import Settings
from domain.clock import NS_PER_S, Now
from domain.events import Fill, OrderState, PositionState
from domain.findings.finding import FindingStatus
from domain.ids import ClientOrderId, GroupId, OrderId, Ticker, TradeId
from domain.market import Side
from domain.money import Cash, Count, Price
from execution.strangers import ForeignFill
from journal.chain import EMPTY, ChainVerdict
from journal.marker import Marker
from ops.http.frame import Frame, frame_of
from ops.ops_status import Identity
from tests.daemon.stand import Stand
from tests.ops.pictures import aged, picture

NOW = Now(10**12, 1_800_000_000 * NS_PER_S)
PASS, FAIL, UNKNOWN = FindingStatus.PASS, FindingStatus.FAIL, FindingStatus.UNKNOWN
T = Ticker("KXINXU-26NOV23H1200-T6844.9999")
SERIES = ("INXU", "NASDAQ100U")


def frame(**changes: object) -> Frame:
    return frame_of(picture(NOW, **changes), (), Identity())


def listed(ident: str, name: str = "ladderd-1-1") -> OrderState:
    return OrderState(
        OrderId(ident), ClientOrderId(name), T, Side.BID, Price(100), "resting", Count(100), Count(0), Count(100),
        GroupId("g"), 0,
    )  # fmt: skip


def shown(**changes: object) -> Shown:
    fields = {"host": "massive", "symbol": "I:SPX", "timeframe": "REAL-TIME", "age_ms": 300.0}
    return msgspec.convert(fields | changes, Shown)


@pytest.mark.parametrize(
    ("rows", "unasked", "status"),
    [
        ([shown()], [], PASS),
        ([shown(timeframe="DELAYED")], [], FAIL),
        ([shown(), shown(symbol="I:NDX", error="NOT_ENTITLED")], [], FAIL),
        ([shown(timeframe="")], [], FAIL),
        ([], [], UNKNOWN),
        ([shown()], ["polygon: no answer"], UNKNOWN),
    ],
)
def test_entitlement(rows: list[Shown], unasked: list[str], status: FindingStatus) -> None:
    assert checks.feed_entitlement(rows, unasked).status is status


def test_freshness_without_a_daemon_comes_from_the_vendors_own_stamps() -> None:
    def judged(*rows: Shown, is_open: bool = True) -> FindingStatus:
        return checks.data_freshness(None, list(rows), SERIES, 2000, market_open=is_open).status

    assert judged(shown()) is PASS
    assert judged(shown(age_ms=2001.0)) is FAIL
    assert judged(shown(), shown(symbol="I:NDX", age_ms=None)) is FAIL
    assert judged(shown(timeframe="DELAYED")) is UNKNOWN
    assert judged() is UNKNOWN
    assert judged(shown(), is_open=False) is FindingStatus.DUE_LATER, "closed hours show nothing"


def test_freshness_of_a_running_daemon_is_its_own_ages() -> None:
    def judged(age_ms: float | None) -> FindingStatus:
        seen = frame()
        views = aged(seen.picture.series, age_ms, now=seen.picture.now)
        older = msgspec.structs.replace(seen, picture=msgspec.structs.replace(seen.picture, series=views))
        return checks.data_freshness(older, [], SERIES, 2000, market_open=True).status

    assert judged(1999.0) is PASS
    assert judged(2000.0) is FAIL
    assert judged(None) is FAIL


def test_whoever_says_stop_is_heard() -> None:
    quiet = {"KILL_SWITCH": (False, ""), "EXECUTION_HALTED": (False, "")}
    assert checks.kill_switch(quiet, None).status is PASS
    assert checks.kill_switch(quiet | {"KILL_SWITCH": (True, "drill")}, None).status is FAIL
    latched = checks.kill_switch(quiet, frame(kill_switch=True, kill_reason="drill"))
    assert latched.status is FAIL
    assert "drill" in latched.reason


def test_a_cancel_all_blocks_until_its_tail_is_over() -> None:
    def judged(age_s: int, *, done: bool) -> FindingStatus:
        asked = NOW.utc_ns - age_s * NS_PER_S
        return checks.cancel_all_markers((Marker("m", asked, "op", "why", 0, done, asked if done else 0),), NOW).status

    assert checks.cancel_all_markers((), NOW).status is PASS
    assert judged(64, done=True) is FAIL
    assert judged(66, done=True) is PASS
    assert judged(900, done=False) is FAIL


def test_journal() -> None:
    assert checks.journal_chain(None, "state").status is UNKNOWN
    assert checks.journal_chain(ChainVerdict(True, EMPTY, None, None, "", 0, 0), "state").status is PASS
    assert checks.journal_chain(ChainVerdict(False, EMPTY, None, None, "", 0, 0), "state").status is FAIL


def test_positions_without_a_snapshot_must_be_none() -> None:
    assert checks.positions((), None, None).status is PASS
    assert checks.positions((PositionState(T, Count(100)),), None, None).status is FAIL
    foreign = PositionState(Ticker("KXOTHER-1"), Count(100))
    assert checks.positions((foreign,), None, None).status is PASS, "not one of our series"


def looked(*ids: str) -> Compared:
    """A comparison in which nobody knows these orders."""
    return checks.compare_open(tuple(listed(one) for one in ids), None, None, exclusive=True)


def test_one_list_proves_nothing_for_what_was_placed_just_before_it_is_not_in_it_yet() -> None:
    assert looked("a").strays == {"a"}
    assert checks.undecided([looked()])
    assert checks.open_orders([looked()], runs=False).status is UNKNOWN
    assert not checks.undecided([looked(), looked()])
    assert checks.open_orders([looked(), looked()], runs=False).status is PASS


@pytest.mark.parametrize("looks", [("a", "ab"), ("a", ""), ("", "a")])
def test_without_a_daemon_an_order_in_either_list_is_an_orphan(looks: tuple[str, ...]) -> None:
    assert checks.open_orders([looked(*ids) for ids in looks], runs=False).status is FAIL


def test_beside_a_daemon_an_order_is_an_orphan_when_two_lists_running_say_so() -> None:
    lagged = [looked("a"), looked()]
    assert not checks.undecided(lagged)
    assert checks.open_orders(lagged, runs=True).status is PASS, "it had only lagged"
    new = [looked("a"), looked("b")]
    assert checks.undecided(new), "what the last look newly shows may be lag, or an orphan"
    assert checks.open_orders([*new, looked()], runs=True).status is PASS
    assert checks.open_orders([*new, looked("b")], runs=True).status is FAIL
    assert checks.open_orders([looked("a"), looked("a")], runs=True).status is FAIL


def test_others_orders_matter_in_an_exclusive_account_only() -> None:
    theirs = (listed("a", "somebody-else"),)
    assert checks.compare_open(theirs, None, None, exclusive=True).strays
    assert not checks.compare_open(theirs, None, None, exclusive=False).strays
    assert checks.compare_open((listed("a"),), None, None, exclusive=False).strays


def test_an_order_the_daemon_holds_open_and_the_exchange_does_not_list_is_missing() -> None:
    seen = frame()
    opened = {OrderId(o.order_id) for o in seen.picture.orders if o.state == "open"}
    assert opened
    compared = checks.compare_open((), seen, seen, exclusive=True)
    assert compared.missing == opened
    assert checks.open_orders([compared, compared], runs=True).status is FAIL
    met = checks.compare_open(tuple(listed(o) for o in opened), seen, seen, exclusive=True)
    assert met == Compared(len(opened), len(seen.picture.orders), frozenset(), frozenset())


def test_a_running_daemon_must_have_this_configuration() -> None:
    settings = Settings()
    assert checks.running_daemon(None, "", settings, "x").status is FindingStatus.NOT_CONFIGURED
    assert checks.running_daemon(None, "does not answer", settings, "x").status is FAIL
    healthy = msgspec.structs.replace(frame(config_hash="x"), healthy=True)
    assert checks.running_daemon(healthy, "", settings, "x").status is PASS
    assert checks.running_daemon(healthy, "", settings, "y").status is FAIL
    assert checks.running_daemon(msgspec.structs.replace(healthy, healthy=False), "", settings, "x").status is FAIL


def test_risk_used_up_fails() -> None:
    assert checks.risk_budget(frame(day_loss_used=5, day_loss_limit=5), None, 1000, "2026-11-23").status is FAIL
    assert checks.risk_budget(frame(day_loss_used=4, day_loss_limit=5), None, 1000, "2026-11-23").status is PASS
    assert checks.risk_budget(None, None, 1000, "2026-11-23").status is PASS


def test_machine_limits() -> None:
    assert checks.disk(3 * 1024**3, 9 * 1024**3, "state").status is PASS
    assert checks.disk(1024**3, 9 * 1024**3, "state").status is FAIL
    assert checks.file_limits(1024).status is PASS
    assert checks.file_limits(256).status is FAIL
    assert checks.file_limits(-1).status is PASS, "no limit"


def test_metrics_need_every_required_name() -> None:
    text = "\n".join(f"{name} 1.0" for name in checks.REQUIRED_METRICS)
    assert checks.metrics_registry(text, "here").status is PASS
    short = checks.metrics_registry(text.replace("errors_total", "mistakes_total"), "here")
    assert short.status is FAIL
    assert "errors_total" in short.reason


# --- fills and balance ------------------------------------------------------------------------------------------------


def kept(
    *, booked: tuple[str, ...] = (), foreign: tuple[ForeignFill, ...] = (), gap: int = 0, opened: bool = True
) -> Memory:
    """What a daemon remembers that has booked these fills (each bought one at 40 cents, settled no)."""
    stand = Stand()
    held = stand.engine.state.held
    for trade in booked:
        held.ledger.fill(fill(trade), "INXU", 1)
        held.ledger.settle(T, "no", Cash(0))
    held.strangers.foreign.update({each.fill.trade_id: each for each in foreign})
    held.walk.opening = Cash(10_000_000_000) if opened else None
    held.walk.gap = Cash(gap)
    return msgspec.json.decode(remember(stand.engine.state), type=Memory)


def fill(trade: str, order_id: str = "o1") -> Fill:
    return Fill(
        TradeId(trade), OrderId(order_id), ClientOrderId(""), T, Side.BID, Price(4_000), Count(100), Cash(0),
        is_taker=False, exchange_ms=1,
    )  # fmt: skip


def test_fills_are_booked_or_named_and_said_whose_they_are() -> None:
    mine, theirs = listed("o1", "ladderd-1-1"), listed("x1", "by-hand")
    memory = kept(booked=("t1",))
    assert checks.fills((fill("t1"),), (mine,), memory).status is PASS
    late = checks.fills((fill("t1"), fill("t2")), (mine,), memory)
    assert (late.status, "not booked: t2" in late.reason) == (FAIL, True)
    foreign = checks.fills((fill("t1"), fill("t3", "x1")), (mine, theirs), memory)
    assert (foreign.status, "not ours: t3" in foreign.reason) == (FAIL, True)
    unlisted = checks.fills((fill("t4", "nobody"),), (), memory)
    assert (unlisted.status, "not ours: t4" in unlisted.reason) == (FAIL, True)


def test_a_foreign_fill_that_the_daemon_knows_is_named_however_old_it_is() -> None:
    memory = kept(foreign=(ForeignFill(fill("t9", "x9"), "INXU", 1),))
    assert "not ours: t9" in checks.fills((), (), memory).reason


def test_fills_without_a_snapshot_are_unknown() -> None:
    assert checks.fills((fill("t1"),), (), None).status is UNKNOWN
    assert checks.fills((), (), None).status is PASS


@pytest.mark.parametrize(("said", "status"), [(9_999_600_000, PASS), (9_999_590_000, FAIL), (9_999_600_001, FAIL)])
def test_the_balance_is_walked_to_the_last_unit(said: int, status: FindingStatus) -> None:
    assert checks.balance(Cash(said), 0, kept(booked=("t1",)), 5, exclusive=True).status is status


def test_a_balance_that_cannot_be_walked_now_stands_by_the_last_walk() -> None:
    assert checks.balance(Cash(1), 2, kept(), 5, exclusive=True).status is PASS
    assert checks.balance(Cash(1), 2, kept(gap=-10_000), 5, exclusive=True).status is FAIL
    assert checks.balance(Cash(1), 0, kept(opened=False), 5, exclusive=True).status is UNKNOWN
    assert checks.balance(Cash(1), 0, None, 5, exclusive=True).status is PASS
    assert checks.balance(Cash(1), 0, kept(), 5, exclusive=False).status is FindingStatus.NOT_CONFIGURED
