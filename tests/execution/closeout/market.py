"""The simulated exchange under a clock that only the script moves; requests and answers get lost or come late."""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any
from urllib.parse import parse_qsl

from multidict import MultiDict

from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.events import CloseOutTold, FeesRead
from domain.money import Cash, Count, Price
from execution.closeout.asks import Act, Heard, Keep, Say, Script, T, Wait
from execution.kalshi.wire import KalshiAnswer, KalshiRequest
from sim.exchange.book.objects import Market
from sim.exchange.gateway.calls import Call
from sim.exchange.gateway.gateway import OPERATIONS, ROOT
from sim.exchange.trade import orders
from sim.exchange.wire import requests
from sim.exchange.wire.rejects import Reject
from tests.sim.exchange.rig import START, Rig, rig

NAMED = re.compile(r"\{(\w+)\}")
NAME = r"(?P<\1>[^/]+)"
ROADS = [(each, re.compile(ROOT + NAMED.sub(NAME, each.path) + "$")) for each in OPERATIONS]
CREATE = "create_order"


class Terms:
    """A taker's fee as the exchange charges it here; `wrong` says why it would not be known."""

    def __init__(self, wrong: str = "") -> None:
        self.wrong = wrong

    def problem(self, _told: FeesRead, /) -> str:
        return self.wrong

    def fee(self, _series: str, _price: Price, _count: Count, /) -> Cash:
        return Cash(0)


class Wild:
    """Shares of requests, in percent, that never come, that come late, and whose answer is lost."""

    def __init__(self, *, lost: int = 0, late: int = 0, unanswered: int = 0) -> None:
        self.lost, self.late, self.unanswered = lost, late, unanswered


class Floor:
    """One account at the exchange, and the road to it."""

    def __init__(self, seed: int, wild: Wild, *, reduce_only: bool = True, **changes: Any) -> None:  # noqa: ANN401
        self.rng = Random(seed)
        self.rig: Rig = rig(seed=seed, tier="prestige", **changes)
        self.wild, self.reduce_only = wild, reduce_only
        self.told: CloseOutTold | None = None
        self.said: list[str] = []
        self.sent: list[dict[str, Any]] = []
        self.begun: dict[str, int] = {}
        self.travelling: list[tuple[int, KalshiRequest]] = []
        self.refuse_to_keep = False

    # --- what is there -------------------------------------------------------------------------------------------

    @property
    def now(self) -> Now:
        return Now(self.rig.now - START + NS_PER_S, self.rig.now)

    def book(self, market: Market, side: str, price: int, count: int) -> None:
        """Somebody else rests an order (price in 1/10,000 dollar, count in 1/100 contract)."""
        other = self.rig.exchange.state.account("other", is_member=False)
        self.rig.exchange.place(other, market, side, price, count, self.rig.now)

    def hold(self, market: Market, count: int) -> None:
        """The account comes to hold so much, negative when short."""
        side, facing = ("bid", "ask") if count > 0 else ("ask", "bid")
        fields = self.rig.fields(ticker=market.ticker, side=side, price="0.50", count=f"{abs(count) / 100:.2f}")
        orders.create(self.rig.exchange.state, self.rig.member, fields, self.rig.now)
        taker = self.rig.exchange.state.account("taker", is_member=False)
        self.rig.exchange.take(taker, market, facing, 5_000, abs(count), self.rig.now)
        self.begun = self.held()
        assert self.begun[market.ticker] == count

    def rest(self, market: Market, side: str, price: str) -> None:
        """An order of the account rests, far from everything."""
        self.rig.create(ticker=market.ticker, side=side, price=price, count="1")

    def held(self) -> dict[str, int]:
        positions = self.rig.member.positions.values()
        return {position.market.ticker: position.count.value for position in positions if position.count.value}

    # --- the road ------------------------------------------------------------------------------------------------

    def carry_out(self, script: Script[T]) -> T:
        """Run a script to its end; after each act no position may have crossed zero or grown."""
        heard: Heard | None = None
        try:
            while True:
                heard = self._act(next(script) if heard is None else script.send(heard))
                self.check()
        except StopIteration as end:
            told: T = end.value
            return told

    def check(self) -> None:
        for ticker, count in self.held().items():
            before = self.begun.get(ticker, 0)
            assert before * count > 0, f"{ticker} crossed zero: {before} -> {count}"
            assert abs(count) <= abs(before), f"{ticker} grew: {before} -> {count}"

    def _act(self, act: Act) -> Heard:
        answer, kept = None, True
        match act:
            case KalshiRequest():
                answer = self._travel(act)
            case Wait():
                self._pass(act.ms * NS_PER_MS)
            case Say():
                self.said.append(act.text)
            case Keep():
                kept = not self.refuse_to_keep
                self.told = act.told if kept else self.told
        return Heard(self.now, answer, kept)

    def _pass(self, ns: int) -> None:
        until_ns = self.rig.now + ns
        while self.travelling and min(at for at, _ in self.travelling) <= until_ns:
            due = min(self.travelling, key=lambda each: each[0])
            self.travelling.remove(due)
            self._to(max(self.rig.now, due[0]))
            self._arrive(due[1])
            self.check()
        self._to(until_ns)

    def _to(self, utc_ns: int) -> None:
        self.rig.wait((utc_ns - self.rig.now) / NS_PER_S)
        self.rig.now = utc_ns

    def _travel(self, request: KalshiRequest) -> KalshiAnswer | None:
        sent = self.now
        fate = self.rng.randrange(100)
        wild = self.wild
        self._pass(self.rng.randint(1, 40) * NS_PER_MS)
        if fate < wild.lost:
            self._pass(4 * NS_PER_S)
            return None
        if fate < wild.lost + wild.late:
            self.travelling.append((self.rig.now + self.rng.randint(1, 20) * NS_PER_S, request))
            self._pass(4 * NS_PER_S)
            return None
        status, body = self._arrive(request)
        if fate >= 100 - wild.unanswered:
            self._pass(4 * NS_PER_S)
            return None
        return KalshiAnswer(status, b"" if body is None else json.dumps(body).encode(), sent, self.now)

    def _arrive(self, request: KalshiRequest) -> tuple[int, Any]:
        for operation, road in ROADS:
            found = road.match(request.path)
            if operation.method == request.method and found is not None:
                break
        else:
            raise AssertionError(f"no such road: {request}")
        parsed: Any = requests.decode(request.body) if request.body else None
        if operation.name == CREATE:
            self.sent.append(dict(parsed))
            if not self.reduce_only:
                parsed = {key: value for key, value in parsed.items() if key != "reduce_only"}
        query: MultiDict[str] = MultiDict(parse_qsl(request.query))
        call = Call(operation.name, found.groupdict(), query, parsed, self.rig.member, self.rig.now)
        try:
            answer = operation.handler(self.rig.exchange, call)
        except Reject as refused:
            return refused.status, refused.body
        return answer.status, answer.body
