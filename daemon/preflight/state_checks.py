"""The checks before trading that look at data and at our own state: values, kill switch, journal, books, machine. Pure.

The table, what a verdict means, and the checks of configuration and exchange: daemon/preflight/checks.py.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from daemon.client.index_snapshot import Shown
from daemon.engine.memory import Memory
from daemon.settings.tree import Settings
from domain.clock import NS_PER_S, Now
from domain.events import Fill, OrderState, PositionState
from domain.findings.finding import DUE_LATER, FAIL, NOT_CONFIGURED, PASS, UNKNOWN, Finding
from domain.ids import OrderId, is_ours
from domain.money import CASH_PER_DOLLAR, Cash, Count, print_cash, print_count, print_price
from domain.reasons import GateStatus
from domain.window import Phase
from execution.flatten import TAIL_NS
from execution.orders import OrderStatus, ours
from execution.positions import restore as restore_ledger
from execution.reconcile import series_of
from journal.chain import ChainVerdict
from journal.marker import Marker, last_asked_utc_ns, open_requests
from ops.freshness import freshness_document, judge
from ops.http.frame import Frame

DISK_FREE_MIN_BYTES: Final = 2 * 1024**3
FILES_MIN: Final = 1024
JUDGED_FROM: Final = dt.time(9, 31)
FEED_AGE_LIMIT_MS: Final = 2_000
LOOKS_MIN: Final = 2
REAL_TIME: Final = "REAL-TIME"
OPEN: Final = OrderStatus.OPEN.value
REQUIRED_METRICS: Final = (
    "agent_start_total",
    "errors_total",
    "heartbeat_age_seconds",
    "marketdata_ticks_total",
    "marketdata_stale_total",
    "strategy_cycles_total",
    "strategy_cycles_skipped_total",
    "order_proposals_total",
    "safety_halted_total",
)

# --- data --------------------------------------------------------------------------------------------------------


def feed_entitlement(rows: list[Shown], unasked: list[str]) -> Finding:
    """Every configured host serves every symbol in real time."""
    name = "feed_entitlement"
    bad = [f"{r.host} {r.symbol} {r.error or r.timeframe}" for r in rows if r.error or r.timeframe != REAL_TIME]
    if bad:
        return Finding(name, FAIL, "; ".join(bad))
    if unasked or not rows:
        return Finding(name, UNKNOWN, "; ".join(unasked) or "no host has a REST address (feeds.*.rest_url)")
    return Finding(name, PASS, f"{REAL_TIME}: {', '.join(f'{r.host} {r.symbol}' for r in rows)}")


def data_freshness(
    frame: Frame | None, rows: list[Shown], series: tuple[str, ...], arm_limit_ms: int, *, market_open: bool
) -> Finding:
    """Values are new: by the running daemon's own ages, or else by the vendor's snapshot."""
    name = "data_freshness"
    if not market_open:
        return Finding(
            name, DUE_LATER, f"the market is closed: judged at {JUDGED_FROM:%H:%M} New York time of its session"
        )
    if frame is not None:
        drawn = frame.picture
        rows_of = [(Phase(view.phase), view.freshness) for view in drawn.series if view.name in series]
        # Judged as `ladderd freshness` does, on the same basis.
        judged = judge(freshness_document(drawn.now, drawn.pid, "", rows_of), drawn.now.utc_ns)
        ages = [(row.series, row.age_seconds) for row in judged.series]
        said = ", ".join(f"{n} {'never seen' if a is None else f'{a * 1000:.0f} ms'}" for n, a in ages)
        fresh = judged.status is GateStatus.PASS and len(ages) == len(series)
        return Finding(name, PASS if fresh else FAIL, f"running daemon: {said}; limit {arm_limit_ms} ms")
    known = [row for row in rows if row.age_ms is not None and row.timeframe == REAL_TIME]
    if not known:
        return Finding(name, UNKNOWN, "no daemon runs, and no vendor showed a value with its time")
    limit_ms = max(arm_limit_ms, FEED_AGE_LIMIT_MS)
    fresh = all(row.age_ms is not None and row.age_ms <= limit_ms for row in rows)
    said = ", ".join(f"{row.host} {row.symbol} {row.age_ms:.0f} ms" for row in known)
    return Finding(name, PASS if fresh else FAIL, f"vendor's snapshot: {said}; limit {limit_ms} ms")


# --- state -------------------------------------------------------------------------------------------------------


def kill_switch(sources: Mapping[str, tuple[bool, str]], frame: Frame | None) -> Finding:
    """No file, no variable and no running daemon says stop. `sources`: name -> (active, reason)."""
    saying = [f"{name}: {reason or 'no reason given'}" for name, (active, reason) in sources.items() if active]
    if frame is not None and frame.picture.kill_switch:
        saying.append(f"the running daemon is latched: {frame.picture.kill_reason}")
    if saying:
        return Finding("kill_switch", FAIL, "; ".join(saying))
    return Finding("kill_switch", PASS, f"{', '.join(sources)}: none says stop")


def cancel_all_markers(markers: tuple[Marker, ...], now: Now) -> Finding:
    """Nobody is still cancelling, and the tail in which the exchange kills new orders has passed."""
    name = "cancel_all_markers"
    undone = open_requests(markers)
    if undone:
        return Finding(name, FAIL, f"under way: {undone[0].ident} by {undone[0].by}: {undone[0].reason}")
    left_ns = last_asked_utc_ns(markers) + TAIL_NS - now.utc_ns
    if markers and left_ns > 0:
        return Finding(name, FAIL, f"the last one's tail ends in {left_ns / NS_PER_S:.0f} s")
    return Finding(name, PASS, f"{len(markers)} done, none under way")


def journal_chain(verdict: ChainVerdict | None, where: str) -> Finding:
    """The chain verifies. `verdict` is None when there is no journal."""
    name = "journal_chain"
    if verdict is None:
        return Finding(name, UNKNOWN, f"no journal in {where}: start the daemon once")
    if not verdict.ok:
        return Finding(name, FAIL, f"NOT whole: {verdict.first_fault}")
    torn = ", last line torn (repaired at the next start)" if verdict.torn_tail else ""
    return Finding(name, PASS, f"{verdict.head.count} records whole{torn}")


def positions(theirs: tuple[PositionState, ...], memory: Memory | None, age_s: float | None) -> Finding:
    """The exchange's positions in our series are those of the last snapshot."""
    name = "position_reconciliation"
    said = {p.ticker: p.count for p in theirs if series_of(p.ticker) and p.count}
    if memory is None:
        if said:
            return Finding(name, FAIL, f"no snapshot, but the exchange holds {len(said)} positions for us")
        return Finding(name, PASS, "no snapshot yet, and the exchange holds nothing for us")
    ledger = restore_ledger(memory.ledger)
    own = ledger.open_positions()
    settled = {ticker for ticker, account in ledger.markets.items() if account.result}
    wrong = [
        f"{ticker}: exchange {print_count(said.get(ticker, Count(0)))}, own {print_count(own.get(ticker, Count(0)))}"
        for ticker in sorted((set(said) | set(own)) - settled)
        if said.get(ticker, Count(0)) != own.get(ticker, Count(0))
    ]
    if wrong:
        return Finding(name, FAIL, f"{len(wrong)} differ; {wrong[0]}", age_s)
    return Finding(name, PASS, f"{len(own)} positions, all agree", age_s)


def fills(theirs: tuple[Fill, ...], orders: tuple[OrderState, ...], memory: Memory | None) -> Finding:
    """Every fill of the last day is booked, and of an order of ours. `orders`: the last day's, ended ones included."""
    name = "fill_reconciliation"
    if memory is None:
        if theirs:
            return Finding(name, UNKNOWN, f"no snapshot, and {len(theirs)} fills in the last day: start the daemon")
        return Finding(name, PASS, "no snapshot yet, and no fill in the last day")
    names = {order.order_id: order.client_order_id for order in orders}
    told = {fill.trade_id: fill for fill in theirs} | {each.fill.trade_id: each.fill for each in memory.foreign}
    unbooked = [fill for trade_id, fill in told.items() if trade_id not in set(memory.ledger.trades)]
    foreign = [fill for fill in unbooked if not is_ours(names.get(fill.order_id, fill.client_order_id))]
    wrong = [f"not ours: {_described(fill)}" for fill in foreign]
    wrong += [f"not booked: {_described(fill)}" for fill in unbooked if fill not in foreign]
    if wrong:
        return Finding(name, FAIL, f"{len(wrong)} differ; {'; '.join(wrong[:3])}")
    return Finding(name, PASS, f"{len(theirs)} fills of the last day, all booked")


def _described(fill: Fill) -> str:
    return f"{fill.trade_id} {fill.ticker} {fill.side} {print_count(fill.count)} @ {print_price(fill.price)}"


def balance(said: Cash, resting: int, memory: Memory | None, utc_ns: int, *, exclusive: bool) -> Finding:
    """The balance is what it was when the books were opened, and everything booked since; only while nothing rests."""
    name = "balance_walk"
    if not exclusive:
        return Finding(name, NOT_CONFIGURED, "exchange.exclusive_account is off: others move this balance too")
    if memory is None:
        return Finding(name, PASS, f"no snapshot yet: the walk begins with {print_cash(said)} dollars")
    walk, ledger = memory.balance, restore_ledger(memory.ledger)
    if walk is None or walk.opening is None:
        return Finding(name, UNKNOWN, "the daemon has not walked it yet: it does so once nothing rests")
    over = any(held.position and not held.result and held.target_ns < utc_ns for held in ledger.markets.values())
    if resting or memory.orders or over:
        if walk.gap:
            return Finding(name, FAIL, f"the last walk found {print_cash(walk.gap)} dollars that nothing explains")
        return Finding(name, PASS, "orders rest or a settlement is due: the last walk explained every cent")
    gap = Cash(said - ledger.paid_in() - walk.opening)
    if gap:
        return Finding(name, FAIL, f"exchange {print_cash(said)} dollars, {print_cash(gap)} against our walk")
    return Finding(name, PASS, f"{print_cash(said)} dollars, every cent explained")


class Compared(NamedTuple):
    """One comparison of the exchange's list with the daemon's book: ids that only one of the two has."""

    listed: int
    known: int
    strays: frozenset[OrderId]
    missing: frozenset[OrderId]


def compare_open(
    listed: tuple[OrderState, ...], before: Frame | None, after: Frame | None, *, exclusive: bool
) -> Compared:
    """Compare a list with the pictures from before and after it: what changed meanwhile is in one of them."""
    pictures = [frame.picture.orders for frame in (before, after) if frame is not None]
    known = {OrderId(order.order_id) for orders in pictures for order in orders}
    there = {order.order_id for order in listed}
    strays = {o.order_id for o in listed if o.order_id not in known and (exclusive or ours(o))}
    steady = [{OrderId(o.order_id) for o in orders if o.state == OPEN} for orders in pictures]
    missing = set.intersection(*steady) - there if steady else set()
    return Compared(len(listed), len(known), frozenset(strays), frozenset(missing))


def undecided(looks: Sequence[Compared]) -> bool:
    """Whether one more look is needed: a single one proves nothing, and what the last one newly shows may be lag."""
    if len(looks) < LOOKS_MIN:
        return True
    before, last = looks[-2:]
    return not (last.strays <= before.strays and last.missing <= before.missing)


def open_orders(looks: Sequence[Compared], *, runs: bool) -> Finding:
    """The exchange's resting orders are those of the running daemon; without one nothing may rest.

    `looks` are comparisons a settling time apart. Lists lag by some 0.4 s, so a first one may lack what was placed just
    before it. Beside a running daemon, whose quotes come and go, a difference counts when two looks running show it;
    without one, whatever any look shows counts.
    """
    name = "open_orders"
    if len(looks) < LOOKS_MIN:
        return Finding(name, UNKNOWN, "the list was read once only, and it lags")
    last = looks[-1]
    pairs = list(pairwise(looks)) if runs else [(each, each) for each in looks]
    strays = {order_id for one, two in pairs for order_id in one.strays & two.strays}
    missing = {order_id for one, two in pairs for order_id in one.missing & two.missing}
    who = f"running daemon has {last.known}" if runs else "no daemon runs"
    said = f"exchange lists {last.listed} resting, {who}"
    if strays:
        said += f"; orphans: {', '.join(sorted(strays)[:3])}; run ladderd cancel-all"
    if missing:
        said += f"; not at the exchange: {', '.join(sorted(missing)[:3])}"
    return Finding(name, FAIL if strays or missing else PASS, said)


def running_daemon(frame: Frame | None, problem: str, settings: Settings, digest: str) -> Finding:
    """A daemon need not run before the first start; one that does must be this configuration's, and healthy."""
    name = "running_daemon"
    if problem:
        return Finding(name, FAIL, problem)
    if frame is None:
        return Finding(name, NOT_CONFIGURED, "no daemon runs on this state directory")
    picture = frame.picture
    faults = []
    if picture.mode != settings.mode:
        faults.append(f"it runs in {picture.mode} mode, not {settings.mode}")
    elif picture.config_hash != digest:
        faults.append(f"it runs with configuration {picture.config_hash[:12]}, not {digest[:12]}")
    if not frame.healthy:
        faults.append("a task of it makes no progress")
    said = f"pid {picture.pid}, {frame.state}"
    return Finding(name, FAIL if faults else PASS, "; ".join([said, *faults]))


def risk_budget(frame: Frame | None, memory: Memory | None, per_day_dollars: int, session: str) -> Finding:
    """The day's loss limit leaves room: by the running daemon's figures, or by the snapshot's for this session."""
    name = "risk_budget"
    if frame is not None:
        used, limit = frame.picture.day_loss_used, frame.picture.day_loss_limit
        said = f"running daemon: {used / 1e6:.2f} of {limit / 1e6:.2f} dollars of the day's limit in use"
        return Finding(name, PASS if used < limit else FAIL, said)
    risk = {} if memory is None else memory.risk
    if risk.get("paused"):
        return Finding(name, FAIL, f"snapshot: {risk['paused']}; resume when that is understood")
    loss = int(risk.get("loss", 0)) if risk.get("session") == session else 0
    said = f"{loss / 1e6:.2f} of {per_day_dollars} dollars lost this session"
    return Finding(name, PASS if loss < per_day_dollars * CASH_PER_DOLLAR else FAIL, said)


def metrics_registry(text: str, where: str) -> Finding:
    """The text is there and has every name that monitors ask for."""
    missing = [name for name in REQUIRED_METRICS if f"\n{name}" not in f"\n{text}"]
    if missing:
        return Finding("metrics_registry", FAIL, f"{where}: missing {', '.join(missing)}")
    families = text.count("# TYPE ")
    return Finding("metrics_registry", PASS, f"{where}: {families} families, all required names")


def disk(free_bytes: int, total_bytes: int, where: str) -> Finding:
    """Room for days of journal."""
    said = f"{where}: {free_bytes / 1024**3:.1f} of {total_bytes / 1024**3:.1f} GiB free, can be written"
    return Finding("disk", PASS if free_bytes >= DISK_FREE_MIN_BYTES else FAIL, said)


def file_limits(soft: int) -> Finding:
    """Sockets, journal and screens fit."""
    enough = soft < 0 or soft >= FILES_MIN
    return Finding("file_limits", PASS if enough else FAIL, f"{soft} files may be open, {FILES_MIN} are needed")
