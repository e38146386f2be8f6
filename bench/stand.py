"""An engine on a stand: quoting both series, 120 rungs each, every request answered at once by a perfect exchange."""

from __future__ import annotations

from pathlib import Path

from daemon.engine.step import Engine
from daemon.settings.build import ReferenceData, build_engine
from daemon.settings.tree import Settings
from domain.actions import (
    AnyAction,
    Ask,
    CancelAll,
    CancelOrders,
    CreateGroup,
    DeleteGroup,
    Place,
    Read,
    RunPreflight,
    TriggerGroup,
)
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.events import (
    AnyEvent,
    BalanceRead,
    Bar,
    BookTop,
    CancelAllOutcome,
    CancelOutcome,
    ClockSample,
    ExchangeScheduleRead,
    ExchangeStatusRead,
    FeesRead,
    FillsRead,
    GroupOp,
    GroupOutcome,
    GroupsRead,
    History,
    KillSwitch,
    LimitsRead,
    MarketsRead,
    OrdersRead,
    OrderState,
    PlaceOutcome,
    PositionsRead,
    PreflightRun,
    RestrictedRead,
    Started,
    StreamStatus,
    Tick,
    Verdict,
)
from domain.ids import GroupId, OrderId, Ticker
from domain.market import SERIES, Level, Market, PriceRange, StrikeType, Top
from domain.money import Cash, Count, IndexValue, Price
from guards.schedule import THURSDAY_NIGHT

START_S = 1_800_000_000
PERIOD_S = 3_600
BASE = {"INXU": 6_700_000_000, "NASDAQ100U": 25_000_000_000}
STEP = {"INXU": 5_000_000, "NASDAQ100U": 10_000_000}


class Stand:
    """Feeds an engine with events and answers what it asks."""

    def __init__(self, rungs: int = 120) -> None:
        settings = Settings.model_validate(
            {
                "windows": {
                    "template": "short",
                    "anchor_unix_s": START_S,
                    "period_s": PERIOD_S,
                    "preflight_lead_s": 3_500,
                    "open_lead_s": 3_400,
                    "strict_lead_s": 60,
                },
                "feeds": {"mode": "hot"},
                # No second index is fed here: what is measured is the road of the first two.
                "vix": {"enabled": False},
                "exchange": {
                    "rest_url": "http://127.0.0.1:1/trade-api/v2",
                    "ws_url": "ws://127.0.0.1:1/trade-api/ws/v2",
                },
            }
        )
        fees = (Path(__file__).resolve().parent.parent / "configs" / "fees.json").read_bytes()
        self.engine: Engine = build_engine(settings, ReferenceData(fees))
        self.rungs = rungs
        self.mono_ns = 10**12
        self.utc_ns = (START_S + 3_600 - 3_000) * NS_PER_S
        self.acts: list[AnyAction] = []
        self.number = 0
        self._start()

    def now(self) -> Now:
        return Now(self.mono_ns, self.utc_ns)

    def wait(self, ns: int) -> None:
        self.mono_ns += ns
        self.utc_ns += ns

    def step(self, event: AnyEvent) -> list[AnyAction]:
        actions = self.engine.step(event, self.now())
        self.acts.extend(actions)
        return actions

    def settle(self, event: AnyEvent) -> None:
        """Step, and answer everything that follows until nothing does."""
        waiting = list(self.step(event))
        while waiting:
            answer = self.answer(waiting.pop(0))
            for reply in answer:
                waiting.extend(self.step(reply))

    def answer(self, action: AnyAction) -> list[AnyEvent]:
        now = self.now()
        if isinstance(action, Place):
            self.number += 1
            return [
                PlaceOutcome(
                    action.request_id, Verdict.ACCEPTED, 201, client_order_id=action.client_order_id,
                    order_id=OrderId(f"o{self.number}"), remaining=action.count, sent_mono_ns=now.mono_ns,
                )
            ]  # fmt: skip
        if isinstance(action, CancelOrders):
            return [CancelOutcome(action.request_id, Verdict.ACCEPTED, 200, order_id=o.order_id) for o in action.orders]
        if isinstance(action, CreateGroup):
            self.number += 1
            group = GroupId(f"g{self.number}")
            return [GroupOutcome(action.request_id, Verdict.ACCEPTED, 201, op=GroupOp.CREATE, group_id=group)]
        if isinstance(action, TriggerGroup):
            return [
                GroupOutcome(action.request_id, Verdict.ACCEPTED, 200, op=GroupOp.TRIGGER, group_id=action.group_id)
            ]
        if isinstance(action, DeleteGroup):
            return [GroupOutcome(action.request_id, Verdict.ACCEPTED, 200, op=GroupOp.DELETE, group_id=action.group_id)]
        if isinstance(action, CancelAll):
            return [CancelAllOutcome(action.request_id, Verdict.ACCEPTED, 204)]
        if isinstance(action, RunPreflight):
            return [PreflightRun(action.number, "hash", "build", 30, (), (), "", "", "")]
        return [self._read(action)] if isinstance(action, Ask) else []

    def _read(self, ask: Ask) -> AnyEvent:
        now, request = self.now(), ask.request_id
        if ask.what in {Read.RESTING, Read.ORDERS}:
            return OrdersRead(request, now, 0, ask.what is Read.RESTING, self.resting())
        if ask.what is Read.MARKETS:
            return MarketsRead(request, now, ask.series, ask.target_ns, self.ladder(ask.series, ask.target_ns))
        if ask.what is Read.FEES:
            return FeesRead(request, now, ask.series, "quadratic", 1_000_000, "")
        if ask.what is Read.LIMITS:
            return LimitsRead(request, now, "premier", 10**6, 10**6, 1200, 1200, 10, 2, 10)
        answers: dict[Read, AnyEvent] = {
            Read.FILLS: FillsRead(request, now, 0, ()),
            Read.POSITIONS: PositionsRead(request, now, ()),
            Read.BALANCE: BalanceRead(request, now, 0, Cash(10**10)),
            Read.GROUPS: GroupsRead(request, now, ()),
            Read.STATUS: ExchangeStatusRead(request, now, exchange_active=True, trading_active=True),
            Read.SCHEDULE: ExchangeScheduleRead(request, now, THURSDAY_NIGHT, ()),
        }
        return answers[ask.what]

    def resting(self) -> tuple[OrderState, ...]:
        """What a list shows: every order that was taken, as our own book has it."""
        return tuple(
            OrderState(
                o.order_id, o.client_order_id, o.ticker, o.side, o.price, "resting", o.count, o.filled, o.remaining,
                o.group_id, o.exchange_index, expiration_ms=o.expiration_s * 1000,
            )
            for o in self.engine.state.held.book.live.values() if o.order_id
        )  # fmt: skip

    def ladder(self, series: str, target_ns: int) -> tuple[Market, ...]:
        grid = (PriceRange(Price(0), Price(10_000), Price(100)),)
        first = BASE[series] - self.rungs // 2 * STEP[series]
        return tuple(
            Market(
                Ticker(f"{SERIES[series].exchange_series}-X-T{i:04d}"), "event", series, StrikeType.GREATER_OR_EQUAL,
                IndexValue(first + i * STEP[series]), None, 0, target_ns, grid, 0, "active",
            )
            for i in range(self.rungs)
        )  # fmt: skip

    def tick(self, series: str, move: int = 0, feed: str = "massive") -> Tick:
        value = BASE[series] + move
        return Tick(
            feed, SERIES[series].symbol, IndexValue(value), "0", self.utc_ns - 2 * NS_PER_MS, self.mono_ns, self.utc_ns
        )

    def top(self, ticker: Ticker, fair: int) -> BookTop:
        bid, ask = max(100, fair // 100 * 100 - 800), min(9_900, fair // 100 * 100 + 800)
        levels = ((Level(Price(bid), Count(1000)),), (Level(Price(ask), Count(1000)),))
        return BookTop(Top(ticker, *levels, self.mono_ns, 0))

    def books(self) -> None:
        for desk in self.engine.state.desks.values():
            for ticker in desk.wanted_books():
                self.settle(self.top(ticker, desk.fairs[list(desk.markets).index(ticker)]))

    def _start(self) -> None:
        self.settle(Started("run", START_S, "paper", "hash", "build", ""))
        self.settle(KillSwitch(active=False, source="file", reason=""))
        self.settle(RestrictedRead())
        self.settle(StreamStatus(up=True, reason=""))
        self.settle(ClockSample(0, NS_PER_MS))
        for series, base in BASE.items():
            bars = tuple(Bar(i * 1000, IndexValue(base + i % 2 * 300_000), IndexValue(base)) for i in range(600))
            self.settle(History(SERIES[series].symbol, 1000, bars))
        for number in range(60):  # the first values of a session are believed when they have moved for a while
            self.wait(250 * NS_PER_MS)
            for series in BASE:
                for feed in ("massive", "polygon"):
                    self.settle(self.tick(series, number % 7 * 10_000, feed))
            self.books()

    @property
    def quoting(self) -> bool:
        """Whether both series have live orders."""
        return {o.series for o in self.engine.state.held.book.live.values()} == set(BASE)
