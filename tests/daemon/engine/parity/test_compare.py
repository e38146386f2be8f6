"""Our books against the exchange's: fills of others, the balance to the cent, reconciliations that were asked for."""

from __future__ import annotations

import msgspec
import pytest

from daemon.engine.memory import remember
from daemon.runtime.recovery_io import relive
from domain.actions import Answer, Ask, Place, Read
from domain.clock import NS_PER_MS, NS_PER_S
from domain.events import Command, Filled
from domain.records import ReconciledEntry, payload_of
from execution.list_lag import SETTLE_NS
from execution.reconcile import Reconciled
from tests.daemon.stand import Stand
from tests.heard import heard

MS, S = NS_PER_MS, NS_PER_S
RUNG = "KXINXU-1800000120-T05"


def quoting() -> Stand:
    stand = Stand()
    stand.quote_both()
    stand.run(500 * MS)
    stand.forget()
    return stand


def filled_by_hand(stand: Stand, *, told: bool = True, ticker: str = RUNG) -> str:
    """Somebody else's order on our account is taken; `told` by the stream, or only in the list of fills."""
    order_id = stand.exchange.stranger(ticker)
    events = stand.exchange.execute(order_id)
    if told:
        stand.tell(*events)
    return order_id


def alerts(stand: Stand) -> list[str]:
    return [alert.kind for alert in heard(stand.acts)]


def asked(stand: Stand, command: Command = Command.RECONCILE, ns: int = 8 * S) -> Reconciled:
    """Ask, wait, and give the one answer."""
    before = len(stand.sent(Answer))
    stand.operator(command)
    stand.run(ns)
    answers = [a for a in stand.sent(Answer)[before:] if isinstance(a, Answer)]
    assert [a.ident for a in answers] == ["id"], "answered once"
    return msgspec.json.decode(answers[0].text, type=Reconciled)


def kinds(found: Reconciled) -> set[str]:
    return {drift.kind.value for drift in found.differences}


# --- fills of others --------------------------------------------------------------------------------------------------


@pytest.mark.step("O09")
@pytest.mark.parametrize("told", [True, False], ids=["by the stream", "by the list alone"])
def test_a_fill_that_is_not_ours_is_never_booked_and_keeps_the_gate_closed(told: bool) -> None:  # noqa: FBT001
    stand = quoting()
    held = stand.engine.state.held
    realised, before = held.ledger.realised, dict(held.ledger.open_positions())
    filled_by_hand(stand, told=told)
    stand.run(35 * S)
    assert stand.closed("INXU")[:1] == stand.closed("NASDAQ100U")[:1] == ("reconcile_drift",)
    assert "FOREIGN_FILL" in stand.engine.state.books.drift
    assert alerts(stand).count("foreign_fill") == 1
    assert len(stand.records("foreign_fill")) == 1
    assert stand.records("order_filled") == []
    assert (held.ledger.realised, held.ledger.open_positions()) == (realised, before)
    assert stand.exchange.resting() == []
    stand.forget()
    # It stays: over its window's end and settlement, and into the next window.
    stand.run_before_target(-60 * S)
    assert "reconcile_drift" in stand.closed("INXU")
    assert stand.sent(Place) == []
    assert stand.records("settlement") == []


def test_a_fill_of_an_order_whose_answer_was_lost_is_ours_once_the_list_names_it() -> None:
    stand = Stand(begin=False)
    stand.exchange.bad.silent_stream = True
    stand.begin()
    stand.exchange.bad.lose = (Place,)
    for _ in range(400):
        if stand.exchange.resting("INXU"):
            break
        stand.run(50 * MS)
    (order, *_) = stand.exchange.resting("INXU")
    stand.exchange.execute(order.order_id)
    stand.exchange.bad.lose = ()
    stand.run(35 * S)
    assert [row["order_id"] for row in stand.records("order_filled")] == [order.order_id]
    assert stand.records("foreign_fill") == []
    assert stand.engine.state.books.drift == ""


def test_while_nobody_knows_whose_a_fill_is_nothing_is_placed() -> None:
    stand = quoting()
    stand.exchange.bad.unreadable = (Read.ORDERS,)
    filled_by_hand(stand, told=False)
    stand.engine.state.books.read_books(stand.now())
    stand.run(1 * S)
    assert stand.closed("INXU")[0] == "not_reconciled"
    assert stand.records("foreign_fill") == stand.records("order_filled") == []
    stand.exchange.bad.unreadable = ()
    stand.run(2 * S)
    assert len(stand.records("foreign_fill")) == 1


def test_another_series_counts_in_an_account_of_our_own_from_its_first_day_on() -> None:
    stand = quoting()
    filled_by_hand(stand, ticker="KXOTHER-1")
    stand.run(2 * S)
    assert "FOREIGN_FILL" in stand.engine.state.books.drift
    shared = Stand(exchange={"exclusive_account": False})
    shared.quote_both()
    filled_by_hand(shared, ticker="KXOTHER-1")
    shared.run(2 * S)
    assert shared.engine.state.books.drift == ""


def test_a_foreign_fill_outlives_the_process_also_when_no_snapshot_knows_it() -> None:
    stand = quoting()
    snapshot, steps = remember(stand.engine.state), len(stand.story)
    filled_by_hand(stand)
    stand.run(3 * S)
    tail = stand.story[steps:]
    memory, _, _ = relive(stand.settings, stand.reference, snapshot, tail, stand.now())
    for text in (memory, remember(stand.engine.state).decode()):
        again = Stand(begin=False)
        again.exchange.fills, again.exchange.orders = [], {}
        again.begin(text)
        again.run(3 * S)
        assert "FOREIGN_FILL" in again.engine.state.books.drift
        assert "reconcile_drift" in again.closed("INXU")


def test_a_fill_told_twice_is_told_to_people_once() -> None:
    stand = quoting()
    filled_by_hand(stand)
    stand.step(Filled(stand.exchange.fills[-1]))
    stand.step(Filled(stand.exchange.fills[-1]))
    stand.run(3 * S)
    assert alerts(stand).count("foreign_fill") == 1


# --- orphans ----------------------------------------------------------------------------------------------------------


def test_an_orphan_that_was_filled_is_critical_until_adopted() -> None:
    stand = quoting()
    order_id = stand.exchange.stranger("KXINXU-1800000120-T00", "ladderd-17-3")
    state = stand.exchange.orders[order_id].state
    part = msgspec.structs.replace(state, filled=state.initial // 2, remaining=state.initial // 2)
    stand.exchange.orders[order_id].state = part
    stand.run(31 * S)
    assert order_id not in {o.order_id for o in stand.exchange.resting()}
    assert "ORPHAN_FILLED" in stand.engine.state.books.drift
    stand.run(31 * S)
    assert "ORPHAN_FILLED" in stand.engine.state.books.drift
    found = asked(stand, Command.ADOPT)
    assert {drift.kind.value for drift in found.adopted} >= {"ORPHAN_FILLED"}
    assert "ORPHAN_FILLED" not in stand.engine.state.books.drift


# --- reconciliations that were asked for ------------------------------------------------------------------------------


@pytest.mark.step("K07")
def test_it_answers_when_the_four_books_were_read_twice_and_not_before() -> None:
    stand = quoting()
    begun_ns = stand.mono_ns
    stand.operator(Command.RECONCILE)
    while not stand.sent(Answer):
        stand.run(20 * MS)
        assert stand.mono_ns < begun_ns + 5 * S
    assert stand.mono_ns >= begun_ns + SETTLE_NS
    reads = stand.engine.state.held.reads
    for what in (Read.RESTING, Read.FILLS, Read.POSITIONS, Read.BALANCE):
        slot = next(slot for key, slot in reads.slots.items() if key.what is what)
        assert slot.asked_ns >= begun_ns + SETTLE_NS, what
    (answer,) = stand.sent(Answer)
    assert isinstance(answer, Answer)
    assert msgspec.json.decode(answer.text, type=Reconciled) == Reconciled()
    assert stand.closed("INXU") == (), "agreement disturbs nobody"


@pytest.mark.step("K07")
@pytest.mark.parametrize("what", [Read.RESTING, Read.FILLS, Read.POSITIONS, Read.BALANCE])
def test_a_book_that_cannot_be_read_is_unknown_and_never_an_empty_account(what: Read) -> None:
    stand = quoting()
    stand.exchange.bad.unreadable = (what,)
    found = asked(stand)
    assert what.value in found.unknown
    assert "HTTP 503" in found.unknown
    assert found.reachable
    assert not found.ok
    stand.exchange.bad.unreadable = ()
    assert asked(stand).ok


@pytest.mark.step("K07")
def test_an_exchange_that_answers_nothing_at_all_is_not_reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    stand = quoting()
    monkeypatch.setattr(stand.exchange, "read", lambda ask: stand.exchange._lost(ask)[0])  # noqa: SLF001
    found = asked(stand)
    assert found.unknown
    assert not found.reachable


def test_a_book_whose_answer_never_comes_is_unknown_in_the_end() -> None:
    stand = quoting()
    stand.exchange.bad.mute = (Ask,)
    found = asked(stand, ns=25 * S)
    assert "positions not read" in found.unknown
    assert not found.ok


@pytest.mark.step("O09")
def test_every_difference_is_named_in_the_answer() -> None:
    stand = quoting()
    stand.exchange.stranger("KXINXU-1800000120-T03")
    filled_by_hand(stand)
    found = asked(stand)
    assert kinds(found) >= {"FOREIGN_ORDER", "FOREIGN_FILL", "MISSING_LOCALLY"}
    assert all(drift.critical for drift in found.differences)
    assert not found.adopted


# --- adopting ---------------------------------------------------------------------------------------------------------


@pytest.mark.step("K07")
def test_what_is_adopted_is_recorded_counts_for_risk_and_is_no_profit_of_ours() -> None:
    stand = quoting()
    state = stand.engine.state
    filled_by_hand(stand)
    stand.run(3 * S)
    used = state.risk.used(state.held)
    found = asked(stand, Command.ADOPT)
    assert kinds(found) == set()
    assert "FOREIGN_FILL" in {drift.kind.value for drift in found.adopted}
    (row,) = stand.records("fill_adopted")
    assert (row["by"], row["cause"], row["ticker"]) == ("ann", "because", RUNG)
    assert [r["command"] for r in stand.records("operator_action")] == ["adopt"]
    assert state.held.ledger.position(RUNG) == 100  # type: ignore[arg-type]
    assert state.risk.used(state.held) > used
    stand.quote_both()
    # Settled, it is in the day's result, and not in ours.
    stand.run_before_target(-60 * S)
    settled = [row for row in stand.records("settlement") if row["ticker"] == RUNG]
    assert [row["pnl"] for row in settled] == [0]
    assert state.held.ledger.adopted == state.held.ledger.realised - state.held.ledger.own_realised != 0
    assert asked(stand).ok


def test_adopting_what_agrees_books_nothing() -> None:
    stand = quoting()
    found = asked(stand, Command.ADOPT)
    assert (found.ok, found.adopted) == (True, ())
    assert stand.records("adoption") == stand.records("fill_adopted") == []


def test_a_position_that_nobody_explains_is_adopted_as_the_exchange_says() -> None:
    stand = quoting()
    held = dict(stand.exchange.positions()) | {RUNG: 700}
    stand.exchange.positions = lambda: held  # type: ignore[method-assign,return-value,assignment]
    stand.run(35 * S)
    assert "MISSING_LOCALLY" in stand.engine.state.books.drift
    found = asked(stand, Command.ADOPT)
    assert found.ok
    (row,) = stand.records("adoption")
    assert (row["drift"], row["what"], row["exchange"], row["own"], row["by"]) == (
        "MISSING_LOCALLY", RUNG, 700, 0, "ann",
    )  # fmt: skip
    assert stand.engine.state.held.ledger.position(RUNG) == 700  # type: ignore[arg-type]


def test_a_resting_order_of_somebody_else_cannot_be_adopted() -> None:
    stand = quoting()
    stand.exchange.stranger(RUNG)
    found = asked(stand, Command.ADOPT)
    assert kinds(found) == {"FOREIGN_ORDER"}
    assert found.adopted == ()


def test_an_adoption_is_redone_by_a_recovery() -> None:
    stand = quoting()
    filled_by_hand(stand)
    stand.run(3 * S)
    snapshot, steps = remember(stand.engine.state), len(stand.story)
    assert asked(stand, Command.ADOPT).ok
    memory, _, _ = relive(stand.settings, stand.reference, snapshot, stand.story[steps:], stand.now())
    told = msgspec.json.decode(memory)
    assert told["foreign"] == []
    assert told["ledger"]["markets"][RUNG]["adopted_position"] == 100


# --- the balance ------------------------------------------------------------------------------------------------------


def test_the_balance_agrees_to_the_cent_over_fills_and_settlement() -> None:
    stand = quoting()
    bid, ask = stand.exchange.resting("INXU")
    for order in (bid, ask):
        stand.tell(*stand.exchange.execute(order.order_id, fee=3_500))
    stand.run_before_target(-25 * S)
    held = stand.engine.state.held
    assert held.settled_ns
    assert held.walked_utc_ns > stand.target_ns, "walked after the settlement"
    assert held.walk.gap == 0
    assert asked(stand).ok
    assert "reconcile_drift" not in stand.closed("INXU")


@pytest.mark.step("O09")
@pytest.mark.parametrize("cents", [1, -1, -25_000])
def test_cash_that_somebody_moved_between_windows_warns_until_adopted(cents: int) -> None:
    stand = Stand()
    stand.quote_both()
    stand.operator(Command.PAUSE)
    stand.run(5 * S)
    assert asked(stand).ok
    stand.exchange.balance += cents * 10_000
    found = asked(stand)
    assert kinds(found) == {"CASH_MOVED"}
    assert not found.differences[0].critical
    assert alerts(stand).count("cash_moved") == 1
    assert "reconcile_drift" not in stand.closed("INXU")
    assert kinds(asked(stand, Command.ADOPT)) == set()
    (row,) = stand.records("adoption")
    assert (row["drift"], row["amount"], row["by"]) == ("CASH_MOVED", cents * 10_000, "ann")
    assert asked(stand).ok


@pytest.mark.step("O09")
def test_a_cent_that_a_window_lost_is_drift_that_closes_the_gate() -> None:
    stand = quoting()
    bid, _ = stand.exchange.resting("INXU")
    stand.tell(*stand.exchange.execute(bid.order_id))
    stand.exchange.balance -= 10_000
    stand.run_before_target(-30 * S)
    assert "BALANCE_MISMATCH" in stand.engine.state.books.drift
    assert "reconcile_drift" in stand.closed("INXU")


# --- shares of the limit ----------------------------------------------------------------------------------------------


@pytest.mark.step("O09")
def test_fills_that_an_order_tells_and_no_list_has_are_inventory_drift_by_their_share() -> None:
    stand = Stand(risk={"per_window_contracts": 4})
    stand.quote_both()
    bid, ask = stand.exchange.resting("INXU")
    for number, (order, kind) in enumerate(((bid, False), (ask, True)), start=1):
        told = [e for e in stand.exchange.execute(order.order_id) if not isinstance(e, Filled)]
        kept = [stand.exchange.fills.pop()]
        stand.tell(*told)
        stand.run(3 * S)
        (drift,) = stand.engine.state.held.count_drifts
        assert (drift.kind.value, drift.critical) == ("INVENTORY_DRIFT", kind), number
        assert kept
    assert "INVENTORY_DRIFT" in stand.engine.state.books.drift


def test_many_contracts_that_one_list_shows_pause_at_once() -> None:
    stand = quoting()
    held = dict(stand.exchange.positions()) | {RUNG: 400}
    stand.exchange.positions = lambda: held  # type: ignore[method-assign,return-value,assignment]
    stand.engine.state.books.read_books(stand.now())
    stand.run(1_200 * MS)
    assert "EXCHANGE_DRIFT" in stand.engine.state.books.drift
    assert stand.closed("INXU")[0] == "reconcile_drift"


def test_every_reconciliation_is_recorded() -> None:
    stand = quoting()
    asked(stand)
    (row,) = [payload_of(a) for a in stand.acts if isinstance(a, ReconciledEntry)]
    assert (row["ok"], row["unknown"], row["differences"], row["by"]) == (True, "", [], "ann")
