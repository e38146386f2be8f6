"""Anything may happen in any order: what must hold all the same, held by a machine that makes things happen."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from domain.actions import AnyAction, CancelAll, CancelOrders, CreateGroup, Place, TriggerGroup
from domain.clock import NS_PER_MS, NS_PER_S
from domain.events import BooksStale, Command, GroupUpdated, KillSwitch, LoopStall
from domain.ids import ClientOrderId, OrderId, Ticker
from tests.daemon.exchange import BASE, Misbehaviour
from tests.daemon.stand import Stand

MS, S = NS_PER_MS, NS_PER_S
LOSABLE = (Place, CancelOrders, TriggerGroup, CancelAll, CreateGroup)
SERIES_NAMES = st.sampled_from(sorted(BASE))


class WatchedStand(Stand):
    """A stand that knows by itself when nothing may be placed, without asking the engine."""

    kill_asked = False
    killed = False
    paused = False
    quiet_until_utc_ns = 0

    def _check(self, actions: list[AnyAction]) -> None:
        super()._check(actions)
        if any(isinstance(action, CancelAll) for action in actions):
            self.quiet_until_utc_ns = max(self.quiet_until_utc_ns, self.utc_ns + 65 * S)
        places = [action for action in actions if isinstance(action, Place)]
        if not places:
            return
        assert not self.killed, "a place under the kill switch"
        assert not self.paused, "a place while paused"
        assert self.stream_up, "a place while the private stream is down"
        assert self.utc_ns >= self.quiet_until_utc_ns, "a place in the tail of a cancel-all"
        for place in places:
            last = self.engine.state.desks[place.cleared.series].sentry.last
            assert last is not None
            assert self.mono_ns - last.received_mono_ns <= 1_500 * MS, "a place on a stale index"
            for order in self.exchange.resting():
                same = (order.ticker, order.side) == (place.ticker, place.side)
                assert not (same and order.client_order_id.startswith("ladderd-")), "a second order on one side"


class EngineRules(RuleBasedStateMachine):
    """Time, faults, operators and crashes over one engine."""

    def __init__(self) -> None:
        super().__init__()
        self.stand = WatchedStand()
        self.stand.quote_both()
        self.strangers: list[OrderId] = []

    # --- what happens --------------------------------------------------------------------------------------------

    @rule(ms=st.sampled_from([1, 20, 150, 400, 1_100, 3_000]))
    def time_passes(self, ms: int) -> None:
        self.stand.run(ms * MS)

    @rule(before_ms=st.sampled_from([20_100, 3_700, 3_550, 3_000, 1_900, -100]))
    def an_edge_comes_near(self, before_ms: int) -> None:
        period_ns = 120 * S
        ahead_ns = (self.stand.target_ns - before_ms * MS - self.stand.utc_ns) % period_ns
        if ahead_ns < 40 * S:
            self.stand.run(ahead_ns)

    @rule(kinds=st.sets(st.sampled_from(LOSABLE), max_size=3), deaf=st.booleans())
    def answers_are_lost(self, kinds: set[type], deaf: bool) -> None:  # noqa: FBT001 - drawn
        self.stand.exchange.bad.lose, self.stand.exchange.bad.deaf = tuple(kinds), deaf

    @rule(
        refuse=st.sampled_from(["", "post_only_cross", "exchange_paused"]),
        not_found=st.booleans(),
        no_trigger=st.booleans(),
        no_reads=st.booleans(),
        silent=st.booleans(),
        lag_ms=st.sampled_from([0, 400]),
    )
    def the_exchange_misbehaves(
        self, *, refuse: str, not_found: bool, no_trigger: bool, no_reads: bool, silent: bool, lag_ms: int
    ) -> None:
        bad = self.stand.exchange.bad
        bad.refuse_places, bad.cancel_404, bad.refuse_triggers = refuse, not_found, no_trigger
        bad.fail_reads, bad.silent_stream, bad.list_lag_ns = no_reads, silent, lag_ms * MS

    @rule()
    def the_exchange_behaves(self) -> None:
        self.stand.exchange.bad = Misbehaviour()

    @rule(which=st.integers(0, 7))
    def an_order_is_taken(self, which: int) -> None:
        own = self.own()
        if own:
            self.stand.tell(*self.stand.exchange.execute(own[which % len(own)]))

    @rule(series=SERIES_NAMES, points=st.integers(-15, 15))
    def the_index_moves(self, series: str, points: int) -> None:
        self.stand.moves[series] = points * 1_000_000

    @rule(series=SERIES_NAMES)
    def an_index_falls_silent(self, series: str) -> None:
        self.stand.silence(series)

    @rule()
    def the_feeds_speak(self) -> None:
        for fed in self.stand.feeding.values():
            fed.update(BASE)

    @rule(up=st.booleans())
    def the_stream_changes(self, up: bool) -> None:  # noqa: FBT001 - drawn
        if up != self.stand.stream_up:
            self.stand.stream(up=up)

    @rule()
    def books_go_stale_and_come_back(self) -> None:
        self.stand.step(BooksStale((), "gap"))
        self.stand.books()

    @rule(lag_ms=st.sampled_from([60, 150, 900]))
    def the_loop_stalls(self, lag_ms: int) -> None:
        self.stand.wait(lag_ms * MS)
        self.stand.step(LoopStall(lag_ms * MS))

    @rule(series=SERIES_NAMES)
    def a_group_triggers_itself(self, series: str) -> None:
        for order in self.stand.exchange.resting(series)[:1]:
            if order.group_id in self.stand.exchange.groups:
                self.stand.exchange.trigger(order.group_id)
                self.stand.tell(GroupUpdated(order.group_id, "triggered"))

    @rule()
    def a_stranger_comes(self) -> None:
        self.strangers.append(self.stand.exchange.stranger(Ticker("KXINXU-1800000120-T05")))

    @precondition(lambda self: self.strangers)
    @rule()
    def the_strangers_leave(self) -> None:
        for order_id in self.strangers:
            self.stand.exchange.end(order_id, "gone")
        self.strangers.clear()

    @rule(command=st.sampled_from([Command.PAUSE, Command.CANCEL_ALL, Command.KILL]))
    def an_operator_stops(self, command: Command) -> None:
        self.stand.killed = self.stand.killed or command is Command.KILL
        self.stand.paused = self.stand.paused or command is not Command.KILL
        self.stand.operator(command)

    @rule()
    def an_operator_resumes(self) -> None:
        if not self.stand.kill_asked:
            self.stand.killed = self.stand.paused = False
        self.stand.operator(Command.RESUME)

    @rule(active=st.booleans())
    def the_kill_file_changes(self, active: bool) -> None:  # noqa: FBT001 - drawn
        self.stand.kill_asked = active
        self.stand.killed = self.stand.killed or active
        self.stand.step(KillSwitch(active=active, source="state/KILL_SWITCH", reason="drawn"))

    @rule(after_ms=st.sampled_from([200, 2_000]))
    def it_is_killed_and_started_again(self, after_ms: int) -> None:
        self.stand.crash(after_ms * MS)
        if self.stand.kill_asked:
            self.stand.step(KillSwitch(active=True, source="state/KILL_SWITCH", reason="drawn"))

    # --- what holds ----------------------------------------------------------------------------------------------

    def own(self) -> list[OrderId]:
        return [o.order_id for o in self.stand.exchange.resting() if o.client_order_id.startswith("ladderd-")]

    @invariant()
    def nothing_of_ours_rests_from_the_freeze_to_the_target(self) -> None:
        for event in self.stand.exchange.expire():
            self.stand.tell(event)
        into_ns = (self.stand.utc_ns - self.stand.target_ns) % (120 * S)
        if into_ns >= 118 * S:
            assert self.own() == []

    @invariant()
    def what_rests_is_in_the_book_or_on_its_way_to_it(self) -> None:
        book = self.stand.engine.state.held.book
        for order in self.stand.exchange.resting():
            if not order.client_order_id.startswith("ladderd-"):
                continue
            name = ClientOrderId(order.client_order_id)
            mourned = book.gone.get(name)
            # Absence proved nothing young: an order that rests was never buried.
            assert mourned is None, f"{name} rests and was buried: {mourned.why}"

    def teardown(self) -> None:
        """Whatever happened: once the exchange behaves and somebody says pause, the account gets flat and true."""
        stand = self.stand
        if stand.exit is not None:
            return
        self.the_strangers_leave()
        stand.exchange.bad = Misbehaviour()
        stand.paused = True
        stand.operator(Command.PAUSE)
        stand.stream(up=False)
        stand.stream(up=True)
        stand.run(15 * S)
        assert self.own() == []
        assert stand.live() == []
        assert stand.engine.state.held.flattenings == {}
        booked = stand.engine.state.held.ledger
        for ticker, count in stand.exchange.positions().items():
            assert booked.markets[ticker].position == count


EngineRules.TestCase.settings = settings(max_examples=10, stateful_step_count=25, deadline=None)
TestEngineRules = EngineRules.TestCase
