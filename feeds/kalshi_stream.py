"""The session of the exchange's websocket, as a pure machine: news of our orders, and the books we want.

    connected -> the private channels are asked for -> all acknowledged: StreamStatus(up) -> books follow `want`

A subscription of a sequenced channel numbers its messages from 1, across all its markets, and spends numbers on `ok`,
`unsubscribed` and its own errors too (docs/exchange.md 11.3), so every message is counted before it is read. A gap
in the books is mended by snapshots. A gap in the order groups may hide a trigger, and one cannot ask again, so it ends
the connection: after each new one the engine reconciles over REST. Fills and user orders have no numbers; what is
unreadable there ends the connection for the same reason. A gap in the markets' lives is only counted: that channel
carries all markets of the exchange, ours are listed anew before each window, and an order into a dead one is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from domain.clock import NS_PER_MS, Now
from domain.events import AnyEvent, BooksStale, Filled, GroupUpdated, MarketChanged, OrderUpdated, StreamStatus
from domain.ids import GroupId, Ticker
from feeds import kalshi_frames as frames
from feeds.kalshi_books import CHANNEL, TERMINAL, OrderBooks, StreamLimits, Turn
from feeds.kalshi_frames import PARSE_ERRORS, Envelope, FrameError
from feeds.session import QUIET, HangUp, SessionStep

PRIVATE: Final = ("fill", "user_orders", "order_group_updates")
LIFECYCLE: Final = "market_lifecycle_v2"
REASON_MAX: Final = 200


class KalshiStream:
    """One websocket to the exchange. `counts` tells what was passed over, by kind, since the start."""

    __slots__ = (
        "_asked",
        "_asked_due_ns",
        "_books",
        "_channels",
        "_down_told",
        "_last_number",
        "_limits",
        "_own",
        "_prefixes",
        "_seqs",
        "_subaccount",
        "_up_since_ns",
        "counts",
    )

    def __init__(
        self,
        series: Iterable[str] = (),
        *,
        subaccount: int | None = None,
        lifecycle: bool = True,
        limits: StreamLimits | None = None,
    ) -> None:
        """Tell market lives of these exchange series only (`KXINXU`, ...); private news of one subaccount, or all."""
        self._limits: Final = limits or StreamLimits()
        self._subaccount: Final = subaccount
        self._prefixes: Final = tuple(f"{name}-" for name in series)
        self._own: Final = (*PRIVATE, LIFECYCLE) if lifecycle else PRIVATE
        self.counts = dict.fromkeys(("gap", "duplicate", "unknown", "impossible", "given_up", "terminal"), 0)
        self._last_number = 0
        self._books = OrderBooks(self._number, self._limits, self.counts)
        self._down_told = False
        self._begin()

    def _begin(self) -> None:
        self._asked: dict[int, str] = {}
        self._asked_due_ns = 0
        self._channels: dict[int, str] = {}
        self._seqs: dict[int, int] = {}
        self._up_since_ns: int | None = None
        self._books.offline()

    def _number(self) -> int:
        self._last_number += 1
        return self._last_number

    # --- what the engine wants -------------------------------------------------------------------------------------

    def want(self, tickers: Iterable[Ticker], now: Now, anew: Iterable[Ticker] = ()) -> SessionStep:
        """Want exactly these books from now on, and those of `anew` whole; the step is for the socket to perform."""
        turn = Turn()
        self._books.want(tickers, now, turn, anew)
        return self._step(turn)

    # --- what the loop tells ---------------------------------------------------------------------------------------

    def connected(self, now: Now) -> SessionStep:
        """The upgrade succeeded, and with it the authentication: ask for everything."""
        self._begin()
        turn = Turn()
        self._asked_due_ns = now.mono_ns + self._limits.answer_ms * NS_PER_MS
        for channel in self._own:
            number = self._number()
            self._asked[number] = channel
            turn.outgoing.append(frames.command(number, "subscribe", channels=[channel]))
        self._books.online(now, turn)
        return self._step(turn)

    def received(self, data: str | bytes, now: Now) -> SessionStep:
        """One message. One that cannot be read, or is out of place, ends the connection."""
        turn = Turn()
        try:
            self._message(frames.read_envelope(data), now, turn)
        except FrameError as error:
            turn.outgoing.append(HangUp(str(error)[:REASON_MAX]))
        except PARSE_ERRORS as error:
            turn.outgoing.append(HangUp(f"unreadable message: {error}"[:REASON_MAX]))
        return self._step(turn)

    def tick(self, now: Now) -> SessionStep:
        """Act on what did not happen in time."""
        turn = Turn()
        if self._asked and self._asked_due_ns <= now.mono_ns:
            names = ", ".join(self._asked.values())
            turn.outgoing.append(HangUp(f"no answer to subscribe ({names}) within {self._limits.answer_ms} ms"))
        else:
            self._books.tick(now, turn)
        return self._step(turn)

    def closed(self, reason: str, now: Now) -> SessionStep:
        """The connection is gone, or could not be made."""
        del now
        events = self._down(reason)
        self._begin()
        return SessionStep(tuple(events))

    # --- what the loop asks ----------------------------------------------------------------------------------------

    def next_deadline(self, now: Now) -> int | None:
        """The nearest instant at which silence means something, always later than now."""
        dues = self._books.dues()
        if self._asked:
            dues.append(self._asked_due_ns)
        return max(min(dues), now.mono_ns + 1) if dues else None

    def retry_at(self, now: Now) -> int | None:
        """At once, as far as this machine cares; the back-off spaces the attempts."""
        return now.mono_ns

    def proven(self, now: Now) -> bool:
        """Whether the private channels have been up long enough to forget earlier failures."""
        since = self._up_since_ns
        return since is not None and now.mono_ns - since >= self._limits.proven_ms * NS_PER_MS

    # --- messages --------------------------------------------------------------------------------------------------

    def _message(self, envelope: Envelope, now: Now, turn: Turn) -> None:
        if envelope.type == "subscribed":
            self._subscribed(envelope, now, turn)
            return
        sid = envelope.sid
        if sid and sid == self._books.sid:
            if not self._books.counted(envelope, turn):
                return
            if envelope.type == "error":
                self._books.refused(envelope, now, turn)
            else:
                self._books.message(envelope, now, turn)
        elif envelope.type == "error":
            self._refused(envelope, now, turn)
        elif sid in self._channels:
            if self._counted(envelope):
                self._news(envelope, turn)
        else:
            self.counts["unknown"] += 1

    def _subscribed(self, envelope: Envelope, now: Now, turn: Turn) -> None:
        made = frames.read_subscribed(envelope.msg)
        if made.channel == CHANNEL and self._books.answers(envelope.id):
            self._books.subscribed(made.sid, now, turn)
            return
        if self._asked.pop(envelope.id, None) != made.channel:
            self.counts["unknown"] += 1
            return
        self._channels[made.sid] = made.channel
        self._seqs[made.sid] = 0
        if self._up_since_ns is None and not set(PRIVATE) - set(self._channels.values()):
            self._up_since_ns = now.mono_ns
            self._down_told = False
            turn.events.append(StreamStatus(up=True, reason="subscribed"))

    def _counted(self, envelope: Envelope) -> bool:
        """Count a message of a channel of ours: whether it is news. Raises FrameError for a gap that may hide much."""
        if not envelope.seq:
            return True  # fills and user orders are not numbered
        expected = self._seqs[envelope.sid] + 1
        if envelope.seq < expected:
            self.counts["duplicate"] += 1
            return False
        self._seqs[envelope.sid] = envelope.seq
        if envelope.seq > expected:
            self.counts["gap"] += 1
            if self._channels[envelope.sid] in PRIVATE:
                raise FrameError(f"{envelope.type}: messages {expected} to {envelope.seq - 1} are missing")
        return True

    def _news(self, envelope: Envelope, turn: Turn) -> None:
        event: AnyEvent
        match envelope.type:
            case "fill":
                fill = frames.read_fill(envelope.msg)
                if self._foreign(fill.subaccount):
                    return
                event = Filled(fill.fill(), envelope.sending_ts_ms or fill.ts_ms)
            case "user_order":
                order = frames.read_user_order(envelope.msg)
                if self._foreign(order.subaccount_number):
                    return
                event = OrderUpdated(order.state(), envelope.sending_ts_ms or order.last_updated_ts_ms or 0)
            case "order_group_updates":
                group = frames.read_group_update(envelope.msg)
                event = GroupUpdated(GroupId(group.order_group_id), group.event_type)
            case "market_lifecycle_v2":
                market = frames.read_market_life(envelope.msg)
                if not market.market_ticker.startswith(self._prefixes):
                    return
                event = MarketChanged(Ticker(market.market_ticker), market.event_type, market.result or "")
            case _:
                self.counts["unknown"] += 1  # event_lifecycle and event_fee_update among them: terms are read by REST
                return
        turn.events.append(event)

    def _foreign(self, subaccount: int | None) -> bool:
        return self._subaccount is not None and subaccount not in (None, self._subaccount)

    def _refused(self, envelope: Envelope, now: Now, turn: Turn) -> None:
        refusal = frames.read_refusal(envelope.msg)
        channel = self._channels.get(envelope.sid) or self._asked.get(envelope.id)
        if channel == LIFECYCLE:
            # Unfiltered, and so the likeliest to overflow; the session does without it until the next connection.
            self.counts["terminal"] += refusal.code in TERMINAL
            self._asked.pop(envelope.id, None)
            self._channels.pop(envelope.sid, None)
        elif channel is None and self._books.answers(envelope.id):
            self._books.refused(envelope, now, turn)
        elif channel is None and not envelope.sid and refusal.code not in TERMINAL:
            # The answer to a request for snapshots: the books are still awaited, and asked for again when overdue.
            self.counts["unknown"] += 1
        else:
            turn.outgoing.append(HangUp(f"error {refusal.code} ({channel or 'no channel'}): {refusal.text}"))

    # --- ends ------------------------------------------------------------------------------------------------------

    def _step(self, turn: Turn) -> SessionStep:
        """Close the turn. A hang-up is told at once: the socket may take a second to end."""
        for out in turn.outgoing:
            if isinstance(out, HangUp):
                turn.events += self._down(out.reason)
                break
        return SessionStep(tuple(turn.events), tuple(turn.outgoing)) if turn.events or turn.outgoing else QUIET

    def _down(self, reason: str) -> list[AnyEvent]:
        """Say that the stream is down and no book may be believed: once, until it has been up again."""
        if self._down_told:
            return []
        self._down_told = True
        return [StreamStatus(up=False, reason=reason), BooksStale((), reason)]
