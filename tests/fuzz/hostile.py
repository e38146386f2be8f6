"""The engine on its stand with everything that comes over a socket made hostile, one door at a time.

A mutated input goes through the door's own code, and what comes out of it through the engine, as in the daemon. Nothing
may be raised on the way: a door refuses, and the engine takes whatever a door lets in. Each step is also printed as
the journal would, and what the engine remembers as the snapshot would.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import islice
from random import Random
from typing import Final, Protocol

import msgspec

from daemon.client.history_io import read_bars
from daemon.engine.memory import remember
from domain.actions import AnyAction, Ask, CancelAll, CancelOrders, CreateGroup, DeleteGroup, Place, TriggerGroup
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.errors import ProtocolError
from domain.events import AnyEvent, History, Verdict
from domain.market import SERIES
from execution.http.http_answer import AnswerParser, HttpAnswer
from execution.kalshi.answers import read_answer, unanswered
from execution.kalshi.codes import CodeTable
from execution.kalshi.exchange_clock import ExchangeClock
from execution.kalshi.reads import ReadRun
from execution.kalshi.wire import KalshiAccount, KalshiAnswer, KalshiRequest
from feeds.kalshi_stream import LIFECYCLE, PRIVATE, KalshiStream
from feeds.massive import MassiveSession
from feeds.session import HangUp
from tests.daemon.exchange import BASE, Exchange
from tests.daemon.stand import Stand
from tests.fuzz import spoken
from tests.fuzz.mutations import mutated, samples

SYMBOLS: Final = tuple(SERIES[name].symbol for name in BASE)
WRITES: Final = (Place, CancelOrders, CancelAll, TriggerGroup, CreateGroup, DeleteGroup)
CODES: Final = CodeTable()
STAMP_MS: Final = 1_800_000_000_000


class Checked(Stand):
    """A stand whose steps are printed too."""

    def step(self, event: AnyEvent) -> list[AnyAction]:
        actions = super().step(event)
        msgspec.json.encode((event, self.now(), actions))
        self.story.clear()
        return actions


def quoting() -> Checked:
    """Both series have orders resting."""
    stand = Checked()
    stand.quote_both()
    stand.run(500 * NS_PER_MS)
    return stand


class Fed(Protocol):
    """One door, and the engine behind it."""

    stand: Checked

    def feed(self, rng: Random) -> None:
        """Take one hostile input."""


class Index:
    """Index frames, from bytes to the engine."""

    def __init__(self) -> None:
        self.stand = quoting()
        self.session = MassiveSession("massive", "KEY", SYMBOLS)
        self.frames = samples("index_frames")
        self.closed = True

    def feed(self, rng: Random) -> None:
        """One frame of a session that is up."""
        now = self.stand.now()
        if self.closed:
            self.session.connected(now)
            for status, message in (("connected", ""), ("auth_success", "authenticated")):
                self.session.received(json.dumps([{"ev": "status", "status": status, "message": message}]), now)
            self.closed = False
        stamp_ms = now.utc_ns // NS_PER_MS
        value = [{"ev": "V", "val": round(rng.uniform(6_699, 6_701), 2), "T": name, "t": stamp_ms} for name in SYMBOLS]
        frame = json.dumps(value).encode() if rng.random() < 0.6 else rng.choice(self.frames)
        step = self.session.received(mutated(rng, frame), now)
        for event in step.events:
            self.stand.step(event)
        if any(isinstance(out, HangUp) for out in step.outgoing) or rng.random() < 0.001:
            for event in self.session.closed("hung up", now).events:
                self.stand.step(event)
            self.closed = True
        self.session.tick(now)


class Frames:
    """The exchange's websocket, from bytes to the engine."""

    def __init__(self) -> None:
        self.stand = quoting()
        self.stream = KalshiStream([SERIES[name].exchange_series for name in BASE])
        self.frames = samples("exchange_frames")
        self.tickers = [each.ticker for each in self.stand.exchange.resting()]
        self.closed = True
        self.seqs = {1: 0, 2: 0, 3: 0, 4: 0, 5: 0}

    def _open(self, now: Now) -> None:
        self.stream.closed("gone", now)
        self.stream.want(self.tickers, now)
        outgoing = self.stream.connected(now).outgoing
        channels = [*PRIVATE, LIFECYCLE, "orderbook_delta"]
        for out in outgoing:
            sent = json.loads(out) if isinstance(out, str) else {}
            channel = sent["params"]["channels"][0]
            said = {
                "type": "subscribed",
                "id": sent["id"],
                "msg": {"channel": channel, "sid": channels.index(channel) + 1},
            }
            self.stream.received(json.dumps(said), now)
        self.seqs = dict.fromkeys(self.seqs, 0)
        self.closed = False

    def feed(self, rng: Random) -> None:
        """One message of a stream that is up."""
        now = self.stand.now()
        if self.closed:
            self._open(now)
        step = self.stream.received(mutated(rng, self._message(rng)), now)
        for event in step.events:
            self.stand.step(event)
        if any(isinstance(out, HangUp) for out in step.outgoing):
            for event in self.stream.closed("hung up", now).events:
                self.stand.step(event)
            self.closed = True
        self.stream.tick(now)

    def _message(self, rng: Random) -> bytes:
        resting, way = self.stand.exchange.resting(), rng.random()
        if way < 0.2 or not resting:
            return rng.choice(self.frames)
        one = rng.choice(resting)
        if way < 0.35:
            told = self.stand.exchange.execute(one.order_id) if rng.random() < 0.02 else []
            fills = self.stand.exchange.fills
            if told and fills:
                return self._numbered("fill", 1, spoken.fill(fills[-1]), numbered=False)
            return self._numbered("user_order", 2, spoken.order(one), numbered=False)
        if way < 0.45:
            return self._numbered("order_group_updates", 3, {"event_type": "triggered", "order_group_id": one.group_id})
        if way < 0.55:
            return self._numbered("market_lifecycle_v2", 4, {"market_ticker": one.ticker, "event_type": "deactivated"})
        if way < 0.7:
            levels = {"yes_dollars_fp": [["0.4000", "9.00"]], "no_dollars_fp": [["0.6000", "9.00"]]}
            return self._numbered("orderbook_snapshot", 5, {"market_ticker": one.ticker, **levels})
        if way < 0.75:
            return self._numbered(
                "error", 5, {"code": rng.choice([7, 8, 10, 25]), "market_ticker": one.ticker, "msg": "x"}
            )
        delta = {
            "price_dollars": "0.4000",
            "delta_fp": "1.00",
            "side": rng.choice(["yes", "no"]),
            "ts_ms": 1_800_000_000_000,
        }
        return self._numbered("orderbook_delta", 5, {"market_ticker": one.ticker, **delta})

    def _numbered(self, kind: str, sid: int, body: dict[str, object], *, numbered: bool = True) -> bytes:
        self.seqs[sid] += 1
        return json.dumps(
            {"type": kind, "sid": sid, "msg": body} | ({"seq": self.seqs[sid]} if numbered else {})
        ).encode()


class Hostile(Exchange):
    """The exchange of a stand whose answers come as mutated bytes, some of the time."""

    rng = Random(0)
    rate = 0.0
    times = ExchangeClock()
    bodies: Final = samples("answers")

    def answer(self, action: AnyAction) -> list[AnyEvent]:
        """Carry out, then spoil what is said of it."""
        told = super().answer(action)
        if not isinstance(action, Ask | Place | CancelOrders | CancelAll | TriggerGroup | CreateGroup | DeleteGroup):
            return told
        if self.rng.random() >= self.rate:
            return told
        if isinstance(action, Ask):
            return self._spoilt_read(action, told[0])
        pushed = [event for event in told if not hasattr(event, "request_id")]
        status, body = spoken.write(action, told)
        answer = self._heard(status, body)
        if answer is None:
            return [*pushed, *unanswered(action, Verdict.UNKNOWN, "connection_lost", "spoilt")]
        outcomes, stamp_ms = read_answer(action, answer, CODES)
        sample = None if stamp_ms is None else self.times.stamp(stamp_ms, answer.sent, answer.answered)
        return [*pushed, *outcomes, *([sample] if sample is not None else [])]

    def _spoilt_read(self, ask: Ask, truth: AnyEvent) -> list[AnyEvent]:
        run = ReadRun(KalshiAccount(), ask)
        following: KalshiRequest | AnyEvent = run.start()
        for _ in range(5):
            if not isinstance(following, KalshiRequest):
                return [following]
            answer = self._heard(200, spoken.read(ask, truth, following))
            if answer is None:
                return [run.failed(0, "connection_lost: spoilt")]
            sample = self.times.date(answer.date_s, answer.sent, answer.answered)
            following = run.advance(answer)
        return [
            run.failed(0, "pages without end") if isinstance(following, KalshiRequest) else following,
            *([sample] if sample else []),
        ]

    def _heard(self, status: int, body: bytes) -> KalshiAnswer | None:
        """An answer as its bytes come over a connection, changed in head or body, in pieces; None when it is lost."""
        rng, now = self.rng, self.now()
        if rng.random() < 0.2:
            body, status = rng.choice(self.bodies), rng.choice([200, 201, 400, 401, 404, 409, 429, 500, 503])
        body = mutated(rng, body)
        text = b"HTTP/1.1 %d X\r\nDate: Fri, 15 Jan 2027 08:00:0%d GMT\r\nContent-Length: %d\r\n\r\n" % (
            status,
            rng.randrange(10),
            len(body),
        )
        if status == 204:
            text, body = b"HTTP/1.1 204 X\r\n\r\n", b""
        whole = mutated(rng, text + body) if rng.random() < 0.2 else text + body
        heard = _parsed(rng, whole)
        return None if heard is None else KalshiAnswer(heard.status, heard.body, now, now, heard.date_s)


def _parsed(rng: Random, data: bytes) -> HttpAnswer | None:
    parser = AnswerParser()
    cut = rng.randrange(len(data) + 1)
    try:
        return parser.feed(data[:cut]) or parser.feed(data[cut:]) or parser.end()
    except ProtocolError:
        return None


class Answers:
    """Every answer of the exchange to what the engine asks by itself, while it quotes."""

    def __init__(self) -> None:
        self.stand = quoting()
        honest = self.stand.exchange
        self.exchange = Hostile(
            honest.now, honest.bad, honest.orders, honest.groups, honest.fills, honest.balance, honest.number
        )
        self.exchange.rate = 0.5
        self.stand.exchange = self.exchange

    def feed(self, rng: Random) -> None:
        """Let time pass until some answers came."""
        self.exchange.rng = rng
        if rng.random() < 0.7:
            self.stand.moves[rng.choice(list(BASE))] += rng.randint(-3, 3) * 1_000_000
        self.stand.run(50 * NS_PER_MS)


class Past:
    """The vendor's past bars, from the body to the engine."""

    def __init__(self) -> None:
        self.stand = quoting()
        self.bodies = [
            *samples("history"),
            b'{"results":[{"t":1800000000000,"o":6700.25,"c":6700.5},{"t":1800000001000,"o":1,"c":2}]}',
        ]

    def feed(self, rng: Random) -> None:
        """One body."""
        try:
            bars = read_bars(mutated(rng, rng.choice(self.bodies)))
        except ValueError:
            return
        self.stand.step(History(rng.choice(SYMBOLS), 1_000, bars))


DOORS: Final[dict[str, Callable[[], Fed]]] = {"index": Index, "frames": Frames, "answers": Answers, "history": Past}
LIVES: Final = 400


def feeds(name: str, rng: Random) -> Iterator[None]:
    """Feed one door for as long as somebody asks for the next, with a new engine now and then."""
    while True:
        door = DOORS[name]()
        for _ in range(LIVES):
            door.feed(rng)
            if rng.random() < 0.05:
                door.stand.run(rng.randint(1, 400) * NS_PER_MS)
            yield
            if door.stand.exit is not None or door.stand.utc_ns > door.stand.target_ns + 20 * NS_PER_S:
                break
        msgspec.json.encode(remember(door.stand.engine.state))


def run(name: str, rng: Random, count: int) -> None:
    """Feed one door `count` times."""
    for _ in islice(feeds(name, rng), count):
        pass
