"""Draws the frozen picture of the state that every screen reads. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from daemon.engine.shown.controls import controls_of
from daemon.engine.shown.gates import flat_of, gates_of, orders_wait
from daemon.engine.shown.holdings import exposures_of, holdings_of
from daemon.engine.shown.limits import limits_of
from daemon.engine.shown.rungs import near_money, why_not_quoted
from daemon.engine.state_view import StateView
from daemon.engine.views.desk import DeskView
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.counts import Counted
from domain.events import FeedState
from domain.market import Side, strike_named
from domain.money import CASH_PER_DOLLAR
from domain.reasons import GateStatus
from domain.window import Phase, Window
from execution.orders import Order
from execution.quoter import best_other
from ops.readiness import Permission, verdict_of, votes_of
from ops.status import (
    BreakerView,
    CancelAllView,
    FeedView,
    Gate,
    OrderView,
    ProviderView,
    RungView,
    SeriesView,
    Status,
    VixView,
    WindowResult,
    WriteTokensView,
)


class Process(NamedTuple):
    """What the shell knows and the state does not."""

    pid: int
    run_id: str
    mode: str
    build_id: str
    config_hash: str
    started_utc_ns: int
    seq: int
    hosts: dict[str, str]
    reconnects: dict[str, int]
    errors: int
    report_paths: dict[tuple[str, int], str]


def draw(state: StateView, process: Process, now: Now) -> Status:  # long: one struct, field by field
    """The picture at one instant."""
    held = state.held
    offset, doubt = state.clock_trust.offset_ns, state.clock_trust.uncertainty_ns
    gates = tuple(gates_of(state))
    holdings = holdings_of(state)
    tail_s = max(0.0, (held.tail_until_utc_ns - now.utc_ns) / NS_PER_S)
    times = held.times_to_flat_ns
    unrealised = sum(_unrealised(state, desk) for desk in state.desks.values())
    return Status(
        now=now,
        pid=process.pid,
        run_id=process.run_id,
        mode=process.mode,
        build_id=process.build_id,
        config_hash=process.config_hash,
        started_utc_ns=process.started_utc_ns,
        seq=process.seq,
        market_hours=state.plan.market_open(now.utc_ns),
        execution_enabled=state.settings.quoting.enabled,
        kill_switch=state.kill.latched,
        kill_reason=state.kill.reason,
        paused=bool(state.paused),
        pause_reason=state.paused,
        close_out=state.close_outs.line() if state.paused else "",
        armed=not state.settings.live or state.armed_session == state.session,
        stopping=state.stopping is not None,
        reconciled=state.books.recovered and not state.books.drift,
        reconcile_age_s=_seconds(state.books.reconcile_age_ns(now.mono_ns)),
        exchange_up=state.exchange.vote(now).status is GateStatus.PASS,
        stream_up=state.stream_up,
        clock_offset_ms=None if offset is None else offset / NS_PER_MS,
        clock_uncertainty_ms=None if doubt is None else doubt / NS_PER_MS,
        gates=gates,
        feeds=tuple(_feed(state, process, name, now) for name in (state.settings.primary, state.settings.secondary)),
        series=tuple(_series(state, desk, gates, now) for desk in state.desks.values()),
        ladder=tuple(rung for desk in state.desks.values() for rung in _ladder(state, desk, gates, now)),
        orders=tuple(
            OrderView(
                o.client_order_id,
                o.order_id,
                o.series,
                o.ticker,
                o.side.value,
                o.price,
                o.remaining,
                o.state.value,
                (now.mono_ns - o.created_ns) / NS_PER_MS,
                o.expiration_s,
                o.group_id,
            )
            for o in _in_place(held.book.live.values())
        ),
        holdings=holdings,
        exposures=exposures_of(state, holdings),
        flat=flat_of(state),
        orders_wait=orders_wait(state),
        windows=tuple(
            WindowResult(
                r.label,
                r.series,
                r.target_ns,
                r.quotes,
                r.fills,
                r.pnl,
                r.settled,
                r.trips,
                process.report_paths.get((r.series, r.target_ns), ""),
            )
            for r in state.results.by_window.values()
        ),
        realised=held.ledger.own_realised,
        unrealised=unrealised,
        fees=sum(a.fees for a in held.ledger.markets.values()),
        day_loss_used=state.risk.used(held),
        day_loss_realised=state.risk.loss,
        day_loss_limit=state.settings.risk.per_day_dollars * CASH_PER_DOLLAR,
        limits=limits_of(state, now),
        cancel_all=CancelAllView(
            bool(state.empty_reason),
            state.empty_reason,
            tail_s,
            times[-1] / NS_PER_MS if times else None,
            held.completed_cancel_alls,
        ),
        budget=WriteTokensView(
            held.budget.tokens_milli / 1000,
            float(held.budget.reserve(len(held.book.live), len(held.groups.known))),
            float(held.budget.capacity),
        ),
        counts=held.counts.values(),
        errors=process.errors,
        session=state.session,
        providers=tuple(ProviderView(name, t.looks, t.good) for name, t in sorted(state.scores.tallies.items())),
        fallbacks=state.scores.fallbacks,
        vix=_vix(state, now),
        breakers=tuple(BreakerView(*each) for each in state.breakers.readings()),
        breaker_warning=state.breakers.warning(),
        controls=controls_of(state, now),
    )


def _vix(state: StateView, now: Now) -> VixView:
    seen, due_later = state.level.shown(now), not state.level.expected(now)
    limit_s = seen.limit_ns / NS_PER_S
    return VixView(
        seen.band.value, seen.value, seen.feed, _seconds(seen.age_ns), limit_s, seen.factor_ppm, seen.why, due_later
    )


def _in_place(orders: Iterable[Order]) -> list[Order]:
    """Orders by series, strike and side: a requote changes a row, never its place."""
    return sorted(
        orders, key=lambda o: (o.series, -(strike_named(o.ticker) or 0), o.ticker, o.side is Side.BID, o.created_ns)
    )


def _seconds(ns: int | None) -> float | None:
    return None if ns is None else ns / NS_PER_S


def _feed(state: StateView, process: Process, name: str, now: Now) -> FeedView:
    status = state.feed_states.get(name)
    ages: dict[str, float | None] = {}
    for desk in state.desks.values():
        tick = state.failover.value_on(name, desk.series.symbol)
        ages[desk.series.symbol] = None if tick is None else (now.mono_ns - tick.received_mono_ns) / NS_PER_MS
    return FeedView(
        name,
        process.hosts.get(name, ""),
        (status.state if status is not None else FeedState.DOWN).value,
        status.reason if status is not None else "not started",
        name == state.failover.active,
        ages,
        state.held.counts[Counted.TICKS_PRIMARY if name == state.settings.primary else Counted.TICKS_SECONDARY],
        process.reconnects.get(name, 0),
        "; ".join(
            f"{mark.symbol} {mark.why}, for {(mark.until_ns - now.mono_ns) / NS_PER_S:.0f} s more"
            for mark in state.failover.aside(name, now)
        ),
    )


def _series(state: StateView, desk: DeskView, gates: tuple[Gate, ...], now: Now) -> SeriesView:
    window = _window(state, desk, now)
    last = desk.sentry.last
    sigma = desk.sigma.sigma_ppm
    votes = votes_of(gates, desk.series.name)
    permission = verdict_of(votes)
    reasons = dict.fromkeys(vote.reason or vote.name for vote in votes if vote.against)
    return SeriesView(
        name=desk.series.name,
        symbol=desk.series.symbol,
        phase=desk.phase.value,
        window=window.label if window else None,
        opens_ns=window.opens_ns if window else None,
        strict_ns=window.strict_ns if window else None,
        flatten_ns=window.freeze_ns - state.ladders.lead_ns if window else None,
        freeze_ns=window.freeze_ns if window else None,
        target_ns=window.target_ns if window else None,
        seconds_to_freeze=(window.freeze_ns - now.utc_ns) / NS_PER_S if window else None,
        index_value=last.value if last else None,
        freshness=desk.freshness(now),
        active_feed=state.failover.active,
        volatility_ppm=None if sigma is None else int(sigma),
        open=permission is Permission.MAY_QUOTE,
        permission=permission.value,
        reasons=tuple(reasons),
        trips=desk.sentry.trips,
        fee_path=str(state.fee_file),
    )


def _window(state: StateView, desk: DeskView, now: Now) -> Window | None:
    """The window that a series is shown with: its own while there is one, otherwise the next."""
    return desk.window if desk.phase is not Phase.CLOSED else state.plan.next_window(desk.series.name, now.utc_ns)


def _ladder(state: StateView, desk: DeskView, gates: tuple[Gate, ...], now: Now) -> list[RungView]:
    """The rungs near the money of the window shown; none while its markets are not listed, never another's."""
    window = _window(state, desk, now)
    if desk.ladder is None or window is None or desk.markets_target_ns != window.target_ns:
        return []
    rows = []
    live = state.held.converger.live_of(desk.series.name)
    may_quote = verdict_of(votes_of(gates, desk.series.name)) is Permission.MAY_QUOTE
    for index in near_money(desk):
        market = desk.ladder.markets[index]
        top = desk.tops.get(market.ticker) if market.ticker in desk.books_fresh else None
        own = [o for o in live if o.ticker == market.ticker]
        fair = desk.fairs[index] if index < len(desk.fairs) else None
        bid = best_other(top.bids, own, Side.BID) if top else None
        ask = best_other(top.asks, own, Side.ASK) if top else None
        rows.append(
            RungView(
                series=desk.series.name,
                ticker=market.ticker,
                strike=market.floor_strike or market.cap_strike or 0,
                fair=fair,
                bid=bid,
                bid_count=sum(v.count for v in top.bids if v.price == bid) if top and bid is not None else 0,
                ask=ask,
                ask_count=sum(v.count for v in top.asks if v.price == ask) if top and ask is not None else 0,
                our_bid=max((o.price for o in own if o.side is Side.BID), default=None),
                our_ask=min((o.price for o in own if o.side is Side.ASK), default=None),
                position=state.held.ledger.position(market.ticker),
                why_bid=why_not_quoted(desk, market.ticker, Side.BID, fair, own, may_quote=may_quote),
                why_ask=why_not_quoted(desk, market.ticker, Side.ASK, fair, own, may_quote=may_quote),
            )
        )
    return rows


def _unrealised(state: StateView, desk: DeskView) -> int:
    """Our own open positions of the present ladder at fair; a market without a fair value counts as it was paid for."""
    fair = dict(zip(desk.markets, desk.fairs, strict=False)) if desk.fairs else {}
    total = 0
    for ticker, account in state.held.ledger.markets.items():
        if account.series == desk.series.name and not account.result and ticker in fair:
            total += account.own_marked(fair[ticker])
    return total
