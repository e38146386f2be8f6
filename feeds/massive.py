# long: one session of the vendor, from its greeting to its silence, over one set of instants
"""The session of one Massive (formerly Polygon) index socket, as a pure machine: bytes in, events and bytes out.

    DOWN -> CONNECTING -> CONNECTED -> AUTHED -> SUBSCRIBED -> LIVE          docs/feed.md 3 and 10
                 any state -> DOWN | COOLING (max_connections) | FATAL (auth_failed)

The wanted topics live outside the connection, so every new one subscribes to all of them. Acknowledgements are counted
by object, not by frame; a topic whose value arrives counts as acknowledged, and `not authorized`, which names nothing,
is laid to the topics still unanswered. LIVE means that every topic granted has spoken; 5 s of silence of any of them
takes it back to SUBSCRIBED, 25 s of silence of all of them hang up, both only while `expects` says that there should be
values. A topic that is silent for 25 s while another speaks is subscribed to again, once a minute: the healthy one must
not lose its socket for it.

Values that repeat (T, t, val) or whose stamp goes backwards are dropped and counted. An equal stamp with another value
is passed on: the guards recognise a stuck feed by it. A value a minute old (a delayed plan, docs/feed.md 5) or 2 s
ahead of our clock is not a value of now: it is counted, never passed on, and the session is not LIVE meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from domain.backoff import Backoff
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.door import one_line
from domain.events import AnyEvent, FeedState, FeedStatus, Tick
from feeds.beside import BesideTopics
from feeds.massive_wire import Item, read_frame, read_stamp, read_value, refusal_text
from feeds.session import CLOSED_AS_TOLD, QUIET, HangUp, Outgoing, SessionStep

MS_PER_S: Final = 1_000
CAP_STATUS: Final = "max_connections"
CAP_TEXT: Final = "maximum number of websocket connections"
ACKED: Final = "subscribed to: "
SCHEMA_SIGNS: Final = 3
LAST_WORDS: Final = frozenset({"slow_consumer", "force_disconnect"})


class MassiveLimits(msgspec.Struct, frozen=True):
    """Budgets of one session."""

    greeting_ms: int = 2_000
    auth_ms: int = 10_000
    ack_ms: int = 5_000
    stale_ms: int = 5_000
    silence_ms: int = 25_000
    again_ms: int = 60_000
    cooldown_ms: int = 60_000
    refused: Backoff = Backoff(30_000, 600_000)
    proven_ms: int = 10_000
    delayed_ms: int = 60_000
    ahead_ms: int = 2_000


class MassiveSession:
    """One socket to one host. `counts` tells what was passed over, by kind, since the start."""

    __slots__ = (
        "_acks_due_ns",
        "_ahead_ns",
        "_asked_again_ns",
        "_auth_due_ns",
        "_beside",
        "_cooling_until_ns",
        "_delayed",
        "_delayed_ns",
        "_errors",
        "_expects",
        "_feed",
        "_greeting_due_ns",
        "_heard_ns",
        "_key",
        "_last",
        "_last_words",
        "_limits",
        "_live_since_ns",
        "_pending",
        "_refusal",
        "_refusals",
        "_refused",
        "_refused_until_ns",
        "_spoken",
        "_symbols",
        "_unread",
        "counts",
        "state",
    )

    def __init__(
        self,
        feed: str,
        api_key: str,
        symbols: tuple[str, ...],
        limits: MassiveLimits | None = None,
        expects: Callable[[Now], bool] = lambda _now: True,
        beside: tuple[str, ...] = (),
    ) -> None:
        """Name the feed in events, want the values of `symbols` (I:SPX ...); `expects` is whether hours are regular.

        `beside`: symbols asked for alone once those are live; nothing about them changes the session's state.
        """
        assert symbols, "a session without symbols has nothing to do"
        self._feed: Final = feed
        self._key: Final = api_key
        self._symbols: Final = symbols
        self._limits: Final = limits or MassiveLimits()
        self._ahead_ns: Final = self._limits.ahead_ms * NS_PER_MS
        self._delayed_ns: Final = self._limits.delayed_ms * NS_PER_MS
        self._expects: Final = expects
        self._beside: Final = BesideTopics(beside, self._limits.again_ms * NS_PER_MS)
        self.state = FeedState.DOWN
        self.counts = {"out_of_order": 0, "duplicate": 0, "malformed": 0, "unknown": 0, "delayed": 0}
        self._last: dict[str, tuple[int, str]] = {}
        self._cooling_until_ns = 0
        self._refusal = ""
        self._refusals = 0
        self._refused_until_ns = 0
        self._begin()

    def _begin(self) -> None:
        """Forget the connection: what is left is what outlives it."""
        self._greeting_due_ns: int | None = None
        self._auth_due_ns: int | None = None
        self._acks_due_ns: int | None = None
        self._pending: list[str] = []
        self._refused: frozenset[str] = frozenset()
        self._errors = 0
        self._heard_ns: dict[str, int] = {}
        self._asked_again_ns = -self._limits.again_ms * NS_PER_MS
        self._spoken: set[str] = set()
        self._live_since_ns: int | None = None
        self._delayed = False
        self._unread = 0
        self._last_words = ""
        self._beside.begin()

    # --- what the loop tells ---

    def connected(self, now: Now) -> SessionStep:
        """The upgrade succeeded; the vendor greets first."""
        if self.state is FeedState.FATAL:
            self.state = FeedState.DOWN  # refused before; the vendor has been seen to refuse good keys for a while
        self._begin()
        self._greeting_due_ns = now.mono_ns + self._limits.greeting_ms * NS_PER_MS
        return SessionStep(self._turn(FeedState.CONNECTING, "socket open"))

    def received(self, data: str | bytes, now: Now) -> SessionStep:
        """One frame: any mix of objects, each taken in order."""
        items, lost = read_frame(data)
        events: list[AnyEvent] = []
        self.counts["malformed"] += lost
        malformed = self.counts["malformed"] - lost
        outgoing: list[Outgoing] = []
        before = self.state
        for item in items:
            if item.ev == "V":
                self._value(item, now, events)
            elif item.ev == "status":
                self._status(item, now, events, outgoing)
            else:
                self.counts["unknown"] += 1
        if self.counts["malformed"] > malformed:
            events.extend(self._unreadable())
        if self._beside.unasked and self.state is FeedState.LIVE:
            outgoing.extend(self._beside.ask(now))
        if not events and not outgoing:
            return QUIET
        return SessionStep(tuple(events), tuple(outgoing), bool(outgoing) or self.state is not before)

    def tick(self, now: Now) -> SessionStep:
        """Act on what did not happen in time."""
        if self._greeting_due_ns is not None and now.mono_ns >= self._greeting_due_ns:
            # Two of the vendor's own clients do not wait for the greeting, so a lost one is no reason to give up.
            return SessionStep((), self._authenticate(now))
        if self._auth_due_ns is not None and now.mono_ns >= self._auth_due_ns:
            return self._hang_up(f"no answer to auth within {self._limits.auth_ms / MS_PER_S:g} s")
        if self._acks_due_ns is not None and now.mono_ns >= self._acks_due_ns:
            return self._acks_overdue(now)
        due_ns = self._beside.due_ns()
        if self.state is FeedState.LIVE and due_ns is not None and now.mono_ns >= due_ns:
            return SessionStep((), self._beside.ask(now))
        return self._silence(now)

    def closed(self, reason: str, now: Now) -> SessionStep:
        """The connection ended or never came to be; always said, because the standby rule waits to hear it."""
        more = self._last_words and reason not in (self._last_words, CLOSED_AS_TOLD)
        told = f"{reason}; {self._last_words}" if more else reason
        self._begin()
        if self.state is FeedState.FATAL:
            told = f"{reason}; {self._refusal}"
        else:
            self.state = FeedState.COOLING if now.mono_ns < self._cooling_until_ns else FeedState.DOWN
        return SessionStep((FeedStatus(self._feed, self.state, told),))

    # --- what the loop asks ---

    def next_deadline(self, now: Now) -> int | None:
        """The nearest instant at which silence means something, always later than now."""
        dues = [due for due in (self._greeting_due_ns, self._auth_due_ns, self._acks_due_ns) if due is not None]
        if self.state is FeedState.LIVE:
            dues += [heard + self._limits.stale_ms * NS_PER_MS for heard in self._heard_ns.values()]
            again_ns = self._beside.due_ns()
            dues += [] if again_ns is None else [again_ns]
        elif self._heard_ns:
            limit_ns = self._limits.silence_ms * NS_PER_MS
            asked_ns = self._asked_again_ns + self._limits.again_ms * NS_PER_MS
            dues.append(max(self._heard_ns.values()) + limit_ns)
            dues += [max(heard + limit_ns, asked_ns) for heard in self._heard_ns.values()]
        return max(min(dues), now.mono_ns + 1) if dues else None

    def retry_at(self, now: Now) -> int | None:
        """Now, or the end of the cool-down; after a refused key half a minute later, then one, up to ten."""
        until_ns = self._refused_until_ns if self.state is FeedState.FATAL else self._cooling_until_ns
        return max(now.mono_ns, until_ns)

    def proven(self, now: Now) -> bool:
        """Whether values have flowed for 10 s: only then may the back-off begin anew (docs/feed.md 10, rule 2)."""
        live = self._live_since_ns
        return live is not None and now.mono_ns - live >= self._limits.proven_ms * NS_PER_MS

    # --- handshake ---

    def _status(self, item: Item, now: Now, events: list[AnyEvent], outgoing: list[Outgoing]) -> None:
        status, text = item.status, one_line(item.message)
        if status == CAP_STATUS or CAP_TEXT in text.lower():
            self._cooling_until_ns = now.mono_ns + self._limits.cooldown_ms * NS_PER_MS
            self._last_words = CAP_STATUS
            events.extend(self._turn(FeedState.COOLING, CAP_STATUS))
            outgoing.append(HangUp(CAP_STATUS))
        elif status == "auth_failed":
            events.extend(self._refuse(refusal_text(text), now))
            outgoing.append(HangUp("auth_failed"))
        elif status == "auth_timeout":
            outgoing.append(HangUp(f"auth_timeout: {text}"))
        elif status == "connected":
            if self.state is FeedState.CONNECTING and self._greeting_due_ns is not None:
                events.extend(self._turn(FeedState.CONNECTED, text))
                outgoing.extend(self._authenticate(now))
        elif status == "auth_success" or (status == "success" and text == "authenticated"):
            if self._auth_due_ns is not None:
                events.extend(self._turn(FeedState.AUTHED, text))
                outgoing.append(self._subscribe(now))
        elif status == "success" and text.startswith(ACKED):
            events.extend(self._acknowledged(text[len(ACKED) :].strip(), now))
        elif status == "error":
            events.extend(self._not_authorized(now))
            if self.state is FeedState.FATAL:
                outgoing.append(HangUp("not authorized"))
        elif status in LAST_WORDS:
            self._last_words = f"{status}: {text}"
        else:
            self.counts["unknown"] += 1

    def _not_authorized(self, now: Now) -> tuple[AnyEvent, ...]:
        """An error that names nothing: once the indices are settled it is laid to a topic beside them."""
        if self._acks_due_ns is None:
            refused = self._beside.refused()
            if refused:
                told = f"not authorized: {refused}; the indices go on"
                return (FeedStatus(self._feed, self.state, told, (refused,)),)
        self._errors += 1
        return self._settle_acks(now)

    def _refuse(self, why: str, now: Now) -> tuple[AnyEvent, ...]:
        """The vendor refuses us: tried again slowly, each time later."""
        self._refusal = why
        self._refusals += 1
        self._refused_until_ns = now.mono_ns + self._limits.refused.wait_ns(self._refusals)
        return self._turn(FeedState.FATAL, why)

    def _authenticate(self, now: Now) -> tuple[Outgoing, ...]:
        self._greeting_due_ns = None
        self._auth_due_ns = now.mono_ns + self._limits.auth_ms * NS_PER_MS
        return (msgspec.json.encode({"action": "auth", "params": self._key}).decode(),)

    def _subscribe(self, now: Now) -> Outgoing:
        self._auth_due_ns = None
        self._acks_due_ns = now.mono_ns + self._limits.ack_ms * NS_PER_MS
        self._pending = [f"V.{symbol}" for symbol in self._symbols]
        return msgspec.json.encode({"action": "subscribe", "params": ",".join(self._pending)}).decode()

    def _acknowledged(self, topic: str, now: Now) -> tuple[AnyEvent, ...]:
        if topic not in self._pending:
            self._beside.acknowledged(topic)
            return ()
        self._pending.remove(topic)
        return self._settle_acks(now)

    def _settle_acks(self, now: Now) -> tuple[AnyEvent, ...]:
        """Once every topic is acknowledged or answered by an error, say what was granted."""
        if self._acks_due_ns is None or len(self._pending) > self._errors:
            return ()
        self._acks_due_ns = None
        self._refused = frozenset(topic.removeprefix("V.") for topic in self._pending)
        granted = [symbol for symbol in self._symbols if symbol not in self._refused]
        if not granted:
            return self._refuse("not authorized for any wanted topic: the plan lacks index values", now)
        for symbol in granted:
            self._heard_ns.setdefault(symbol, now.mono_ns)
        told = f"; not authorized: {', '.join(sorted(self._refused))}" if self._refused else ""
        return self._turn(FeedState.SUBSCRIBED, f"{', '.join(granted)}{told}")

    def _acks_overdue(self, now: Now) -> SessionStep:
        missing = [topic for topic in self._pending if topic.removeprefix("V.") not in self._heard_ns]
        if missing and not self._errors:
            return self._hang_up(
                f"no acknowledgement of {', '.join(missing)} within {self._limits.ack_ms / MS_PER_S:g} s"
            )
        self._errors = len(self._pending)
        events = self._settle_acks(now)
        return SessionStep(events, (HangUp("not authorized"),) if self.state is FeedState.FATAL else ())

    # --- values ---

    def _value(self, item: Item, now: Now, events: list[AnyEvent]) -> None:
        symbol = item.T
        beside = symbol in self._beside.symbols
        if not beside and symbol not in self._symbols:
            self.counts["unknown"] += 1
            return
        text = item.text()
        value, stamp = read_value(text), read_stamp(item.t)
        if value is None or stamp is None:
            self.counts["malformed"] += 1
            return
        last = self._last.get(symbol)
        if last is not None and stamp <= last[0] and (stamp < last[0] or text == last[1]):
            self.counts["out_of_order" if stamp < last[0] else "duplicate"] += 1
            return
        lag_ns = now.utc_ns - stamp
        if not -self._ahead_ns < lag_ns < self._delayed_ns:
            if beside:
                self.counts["delayed"] += 1
            else:
                events.extend(self._not_of_now(lag_ns))
            return
        self._last[symbol] = (stamp, text)
        events.append(Tick(self._feed, symbol, value, text, stamp, now.mono_ns, now.utc_ns))
        if beside:
            self._beside.heard(symbol, now)
            return
        self._heard_ns[symbol] = now.mono_ns
        if self.state is not FeedState.LIVE:
            self._heard(symbol, now, events)

    def _unreadable(self) -> tuple[AnyEvent, ...]:
        """One more frame with something that cannot be read: named once, when it is not only a stray one."""
        self._unread += 1
        if self._unread != SCHEMA_SIGNS or self.state is FeedState.FATAL:
            return ()
        self._live_since_ns = None
        reason = f"schema: {self._unread} frames running cannot be read; the vendor's format may have changed"
        return self._turn(FeedState.SUBSCRIBED, reason, again=True)

    def _not_of_now(self, lag_ns: int) -> tuple[AnyEvent, ...]:
        """A value from another time: count it, and say once that the feed is delayed (or our clock wrong)."""
        self.counts["delayed"] += 1
        if self._delayed:
            return ()
        self._delayed = True
        self._live_since_ns = None
        side = "old" if lag_ns > 0 else "ahead of our clock"
        reason = f"feed_delayed: values are {abs(lag_ns) // NS_PER_S} s {side}"
        return self._turn(FeedState.SUBSCRIBED, reason, again=True)

    def _heard(self, symbol: str, now: Now, events: list[AnyEvent]) -> None:
        """A good value: it stands for an acknowledgement, and the last topic to speak makes the session live."""
        self._delayed = False
        self._unread = 0
        self._spoken.add(symbol)
        topic = f"V.{symbol}"
        if self._acks_due_ns is not None and topic in self._pending:
            events.extend(self._acknowledged(topic, now))
        stale_ns = now.mono_ns - self._limits.stale_ms * NS_PER_MS
        granted = [name for name in self._symbols if name not in self._refused]
        lively = all(name in self._spoken and self._heard_ns[name] > stale_ns for name in granted)
        if lively and self.state in (FeedState.AUTHED, FeedState.SUBSCRIBED) and self._acks_due_ns is None:
            self._live_since_ns = now.mono_ns
            self._refusals = 0
            events.extend(self._turn(FeedState.LIVE, "values are flowing"))

    def _silence(self, now: Now) -> SessionStep:
        """Judge how long each topic has been silent."""
        silent = {
            symbol: now.mono_ns - heard
            for symbol, heard in self._heard_ns.items()
            if now.mono_ns - heard >= self._limits.stale_ms * NS_PER_MS
        }
        if not silent:
            return QUIET
        if not self._expects(now):
            # Outside regular hours silence means nothing; the clock starts again, so that the open has its grace.
            self._heard_ns.update(dict.fromkeys(silent, now.mono_ns))
            return QUIET
        names = ", ".join(sorted(silent))
        long = [symbol for symbol, silent_ns in silent.items() if silent_ns >= self._limits.silence_ms * NS_PER_MS]
        if len(long) == len(self._heard_ns):
            return self._hang_up(f"{names} silent for {self._limits.silence_ms / MS_PER_S:g} s")
        if long and self.state is not FeedState.LIVE:
            return self._ask_again(sorted(long), now)
        if self.state is not FeedState.LIVE:
            return QUIET
        self._live_since_ns = None
        return SessionStep(
            self._turn(FeedState.SUBSCRIBED, f"stale: {names} silent for {self._limits.stale_ms / MS_PER_S:g} s")
        )

    def _ask_again(self, symbols: list[str], now: Now) -> SessionStep:
        """Subscribe again to what is silent while others speak: the vendor may have lost the subscription."""
        if now.mono_ns < self._asked_again_ns + self._limits.again_ms * NS_PER_MS:
            return QUIET
        self._asked_again_ns = now.mono_ns
        params = ",".join(f"V.{symbol}" for symbol in symbols)
        return SessionStep((), (msgspec.json.encode({"action": "subscribe", "params": params}).decode(),))

    # --- small ---

    def _hang_up(self, reason: str) -> SessionStep:
        self._greeting_due_ns = self._auth_due_ns = self._acks_due_ns = None
        self._heard_ns.clear()
        return SessionStep((), (HangUp(reason),))

    def _turn(self, state: FeedState, reason: str, *, again: bool = False) -> tuple[AnyEvent, ...]:
        """Change state and say so; nothing to say when it was that already, unless `again`."""
        if self.state is FeedState.FATAL or (self.state is state and not again):
            return ()
        self.state = state
        return (FeedStatus(self._feed, state, reason),)
