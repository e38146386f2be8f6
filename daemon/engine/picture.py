"""Draws the frozen picture of the engine that every screen reads. Changes nothing."""

from __future__ import annotations

from typing import NamedTuple

from daemon.engine.desk import Desk
from daemon.engine.step import Engine
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.events import FeedState
from domain.market import Side
from domain.money import CASH_PER_DOLLAR
from domain.reasons import GateStatus
from domain.window import Phase
from execution.quoter import best_other
from guards.vote import Vote
from ops.status import (
    Budget,
    CancelAllView,
    FeedView,
    Gate,
    OrderView,
    RungView,
    SeriesView,
    Status,
    WindowResult,
)

RUNGS_SHOWN = 11
# These votes are about the present window; between windows they say nothing about being ready for the next one.
OF_THE_WINDOW = frozenset({"window", "markets", "books"})


class Process(NamedTuple):
    """What the shell knows and the engine does not."""

    pid: int
    run_id: str
    mode: str
    build_id: str
    config_hash: str
    started_utc_ns: int
    seq: int
    hosts: dict[str, str]
    reconnects: dict[str, int]
    counters: dict[str, int]
    histograms: dict[str, tuple[float, ...]]
    report_paths: dict[tuple[str, int], str]


def draw(engine: Engine, process: Process, now: Now) -> Status:  # long: one struct, field by field
    """The picture at one instant."""
    account, failover = engine.account, engine.failover
    offset, doubt = engine.clock_trust.offset_ns, engine.clock_trust.uncertainty_ns
    tail_s = max(0.0, (account.tail_until_utc_ns - now.utc_ns) / NS_PER_S)
    times = account.times_to_flat_ns
    unrealised = sum(_unrealised(engine, desk) for desk in engine.desks.values())
    counters = dict(account.counters) | account.converger.counters | process.counters
    for control, utc_ns in engine.controls.proven.items():
        counters[f"proven:{control}"] = utc_ns // NS_PER_S
    histograms = {name: tuple(kept) for name, kept in account.samples.items()} | process.histograms
    return Status(
        now=now,
        pid=process.pid,
        run_id=process.run_id,
        mode=process.mode,
        build_id=process.build_id,
        config_hash=process.config_hash,
        started_utc_ns=process.started_utc_ns,
        seq=process.seq,
        market_hours=engine.plan.market_open(now.utc_ns),
        execution_enabled=engine.settings.execution_enabled,
        kill_switch=engine.kill.latched,
        kill_reason=engine.kill.reason,
        paused=bool(engine.paused),
        pause_reason=engine.paused,
        armed=not engine.settings.live or engine.armed_session == engine.session,
        stopping=engine.stopping is not None,
        reconciled=account.recovered and not account.drift,
        reconcile_age_s=_seconds(account.reconcile_age_ns(now.mono_ns)),
        exchange_up=engine.exchange.vote(now).status is GateStatus.PASS,
        stream_up=engine.stream_up,
        clock_offset_ms=None if offset is None else offset / NS_PER_MS,
        clock_uncertainty_ms=None if doubt is None else doubt / NS_PER_MS,
        gates=tuple(_gates(engine)),
        feeds=tuple(_feed(engine, process, name, now) for name in (engine.settings.primary, engine.settings.secondary)),
        series=tuple(_series(engine, desk, failover.active, now) for desk in engine.desks.values()),
        ladder=tuple(rung for desk in engine.desks.values() for rung in _ladder(engine, desk)),
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
            for o in account.book.live.values()
        ),
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
            for r in engine.duties.results.values()
        ),
        realised=account.ledger.own_realised,
        unrealised=unrealised,
        fees=sum(a.fees for a in account.ledger.markets.values()),
        day_loss_used=engine.risk.used(account),
        day_loss_limit=engine.settings.risk.per_day_dollars * CASH_PER_DOLLAR,
        cancel_all=CancelAllView(
            bool(engine.empty_reason),
            engine.empty_reason,
            tail_s,
            times[-1] / NS_PER_MS if times else None,
            account.completed_cancel_alls,
        ),
        budget=Budget(
            account.budget.tokens_milli / 1000,
            float(account.budget.reserve(len(account.book.live), len(account.groups.known))),
            float(account.budget.capacity),
        ),
        counters=counters,
        histograms=histograms,
    )


def _seconds(ns: int | None) -> float | None:
    return None if ns is None else ns / NS_PER_S


def _gate(name: str, series: str, vote: Vote) -> Gate:
    reason = vote.reason.value if vote.reason is not None else ""
    return Gate(name, series, vote.status.value, reason, vote.detail, _seconds(vote.age_ns), _seconds(vote.limit_ns))


def _gates(engine: Engine) -> list[Gate]:
    """What votes on readiness: the account's guards always, a series' own while they can be judged.

    Between windows nobody asks the books and the markets, and when the market is closed the index is silent by right.
    """
    rows = [_gate(name, "", vote) for name, vote in engine.account_votes]
    shared = {name for name, _ in engine.account_votes}
    for desk in engine.desks.values():
        inside = desk.phase in {Phase.QUOTING, Phase.STRICT}
        for name, vote in engine.gates.get(desk.series.name, ()):
            if name in shared or name == "window" or (name in OF_THE_WINDOW and not inside):
                continue
            if name in {"freshness", "stuck", "loop", "volatility"} and not (inside or engine.index_expected):
                continue
            if name == "freshness" and desk.sentry.verdict(engine.last_now, desk.phase).planned_stand_down:
                continue
            rows.append(_gate(name, desk.series.name, vote))
    return rows


def _feed(engine: Engine, process: Process, name: str, now: Now) -> FeedView:
    status = engine.feed_states.get(name)
    ages: dict[str, float | None] = {}
    for desk in engine.desks.values():
        tick = engine.newest.get((name, desk.series.symbol))
        ages[desk.series.symbol] = None if tick is None else (now.mono_ns - tick.received_mono_ns) / NS_PER_MS
    return FeedView(
        name,
        process.hosts.get(name, ""),
        (status.state if status is not None else FeedState.DOWN).value,
        status.reason if status is not None else "not started",
        name == engine.failover.active,
        ages,
        engine.account.counters.get(f"ticks:{name}", 0),
        process.reconnects.get(name, 0),
    )


def _series(engine: Engine, desk: Desk, active_feed: str, now: Now) -> SeriesView:
    window = desk.window if desk.phase is not Phase.CLOSED else engine.plan.next_window(desk.series.name, now.utc_ns)
    last = desk.sentry.last
    sigma = desk.sigma.sigma_ppm
    closed = engine.closed.get(desk.series.name)
    return SeriesView(
        name=desk.series.name,
        symbol=desk.series.symbol,
        phase=desk.phase.value,
        window=window.label if window else None,
        opens_ns=window.opens_ns if window else None,
        strict_ns=window.strict_ns if window else None,
        flatten_ns=window.freeze_ns - engine.duties.lead_ns if window else None,
        freeze_ns=window.freeze_ns if window else None,
        target_ns=window.target_ns if window else None,
        seconds_to_freeze=(window.freeze_ns - now.utc_ns) / NS_PER_S if window else None,
        index_value=last.value if last else None,
        freshness=desk.freshness(now),
        active_feed=active_feed,
        volatility_ppm=None if sigma is None else int(sigma),
        open=closed == (),
        reasons=tuple(reason.value for reason in closed or ()),
        trips=desk.sentry.trips,
        fee_path=str(engine.fee_file),
    )


def _ladder(engine: Engine, desk: Desk) -> list[RungView]:
    if desk.ladder is None:
        return []
    count, center = len(desk.ladder.markets), desk.center()
    first = max(0, min(center - RUNGS_SHOWN // 2, count - RUNGS_SHOWN))
    rows = []
    live = engine.account.converger.live_of(desk.series.name)
    for index in range(first, min(count, first + RUNGS_SHOWN)):
        market = desk.ladder.markets[index]
        top = desk.tops.get(market.ticker) if market.ticker in desk.books_fresh else None
        own = [o for o in live if o.ticker == market.ticker]
        bid = best_other(top.bids, own, Side.BID) if top else None
        ask = best_other(top.asks, own, Side.ASK) if top else None
        rows.append(
            RungView(
                series=desk.series.name,
                ticker=market.ticker,
                strike=market.floor_strike or market.cap_strike or 0,
                fair=desk.fairs[index] if index < len(desk.fairs) else None,
                bid=bid,
                bid_count=sum(v.count for v in top.bids if v.price == bid) if top and bid is not None else 0,
                ask=ask,
                ask_count=sum(v.count for v in top.asks if v.price == ask) if top and ask is not None else 0,
                our_bid=max((o.price for o in own if o.side is Side.BID), default=None),
                our_ask=min((o.price for o in own if o.side is Side.ASK), default=None),
                position=engine.account.ledger.position(market.ticker),
            )
        )
    return rows


def _unrealised(engine: Engine, desk: Desk) -> int:
    """Open positions of the present ladder at fair; a market without a fair value counts as it was paid for."""
    fair = dict(zip(desk.markets, desk.fairs, strict=False)) if desk.fairs else {}
    total = 0
    for ticker, account in engine.account.ledger.markets.items():
        if account.series == desk.series.name and not account.result and ticker in fair:
            total += account.marked(fair[ticker])
    return total
