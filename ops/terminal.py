"""The picture as text: a live screen for a terminal, and single lines for a pipe or a log.

Pure: a frame decoded from `/picture` or `/events`, and the seconds since it was drawn, go in; something that rich can
print comes out. Ages grow and countdowns fall by those seconds, so a screen that gets no new frame shows it.
Widths: it reads at 80 columns and uses what it gets.
"""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from domain.clock import NS_PER_S
from domain.stamps import et_text

LOST_AFTER_S = 1.5
PHASE_STYLES = {
    "closed": "dim",
    "preflight": "yellow",
    "quoting": "green",
    "strict": "yellow",
    "flattening": "red",
    "frozen": "cyan",
}
VOTE_STYLES = {"PASS": "green", "FAIL": "bold red", "UNKNOWN": "yellow", "NOT_CONFIGURED": "dim"}
WINDOWS_SHOWN = 6
ORDERS_SHOWN = 12

Frame = dict[str, Any]


def screen(frame: Frame, more_s: float, title: str = "ladderd") -> RenderableType:
    """The whole screen, `more_s` seconds after the frame was drawn."""
    picture = frame["picture"]
    parts: list[RenderableType] = [_head(frame, more_s, title)]
    parts += _banners(frame, more_s)
    parts.append(_side_by_side([_window(view, picture, more_s) for view in picture["series"]]))
    parts.append(_side_by_side([_ladder(view, picture) for view in picture["series"]]))
    parts.append(_side_by_side([_orders(picture, more_s), _gates(picture)]))
    parts.append(_side_by_side([_windows(picture), _money(picture, more_s)]))
    return Group(*parts)


def waiting(address: str, waited_s: float, why: str) -> RenderableType:
    """What is shown before the first frame."""
    return Text(f"waiting for the daemon at {address} for {waited_s:.0f} s ... {why}", style="yellow")


def plain(frame: Frame, more_s: float = 0.0) -> str:
    """One line: clock, state, each series, orders, P&L."""
    picture = frame["picture"]
    parts = [f"{_clock_et(picture, more_s)} ET", frame["state"], "READY" if frame["ready"] else "NOT READY"]
    for view in picture["series"]:
        line = f"{view['name']} {view['phase']} {countdown(view, picture, more_s)} age {age_text(_plus(view, more_s))}"
        if not view["open"] and view["reasons"]:
            line += f" ({', '.join(view['reasons'])})"
        parts.append(line)
    parts.append(f"{len(picture['orders'])} orders")
    parts.append(f"P&L {cash_text(picture['realised'])}")
    return " | ".join(parts)


def gist(frame: Frame) -> tuple[Any, ...]:
    """What must change for a plain line to be worth printing at once."""
    picture = frame["picture"]
    return (
        frame["state"],
        frame["ready"],
        *((view["phase"], view["open"], tuple(view["reasons"])) for view in picture["series"]),
    )


def finished(frame: Frame, reports: str = "") -> dict[tuple[str, str, int], str]:
    """The windows of this run that are settled and reported, and the line that tells of each; `reports`: where."""
    return {
        (result["label"], result["series"], result["target_ns"]): (
            f"window {result['label']} {result['series']} settled: {result['quotes']} quotes, {result['fills']} fills, "
            f"P&L {cash_text(result['pnl'])}, report {reports}{result['report']}"
        )
        for result in frame["picture"]["windows"]
        if result["settled"] and result["report"]
    }


def countdown(view: dict[str, Any], picture: dict[str, Any], more_s: float) -> str:
    """Time to freeze, or to the opening of the next window; cut, never rounded up."""
    if view["seconds_to_freeze"] is not None and view["phase"] != "closed":
        return span_text(view["seconds_to_freeze"] - more_s)
    if view["opens_ns"] is not None:
        return span_text((view["opens_ns"] - picture["now"][1]) / NS_PER_S - more_s)
    return "--:--"


def span_text(seconds: float) -> str:
    """298.24 -> "04:58.2", -1.2 -> "-00:01.2"."""
    tenths = int(abs(seconds) * 10)
    minutes, rest = divmod(tenths, 600)
    return f"{'-' if seconds < 0 else ''}{minutes:02d}:{rest // 10:02d}.{rest % 10}"


def age_text(age_s: float | None) -> str:
    """An age for people; None is never."""
    if age_s is None:
        return "never"
    return f"{age_s:.2f} s" if age_s < 10 else f"{age_s:.0f} s"  # noqa: PLR2004 - two digits are enough to read


def cents_text(price: int | None) -> str:
    """6240 -> "62.4"."""
    if price is None:
        return ""
    text = f"{price / 100:.2f}"
    return text.removesuffix("0")


def cash_text(cash: int | None) -> str:
    """-1240000 -> "-$1.24"."""
    if cash is None:
        return "-"
    return f"{'-' if cash < 0 else ''}${abs(cash) / 1e6:,.2f}"


def _plus(view: dict[str, Any], more_s: float) -> float | None:
    age = view["freshness"]["age_ms"]
    return None if age is None else age / 1000 + more_s


def _clock_et(picture: dict[str, Any], more_s: float) -> str:
    return et_text(int(picture["now"][1] + more_s * NS_PER_S))[11:19]


def _side_by_side(parts: list[RenderableType]) -> RenderableType:
    grid = Table.grid(expand=True, padding=(0, 1))
    for _ in parts:
        grid.add_column(ratio=1)
    grid.add_row(*parts)
    return grid


def _head(frame: Frame, more_s: float, title: str) -> RenderableType:
    picture, line = frame["picture"], Text()
    line.append(f" {title} ", style="bold reverse")
    line.append(f" {picture['mode']} ", style="bold red" if picture["mode"] == "live" else "bold")
    line.append(" READY " if frame["ready"] else " NOT READY ", style="bold green" if frame["ready"] else "bold red")
    good = frame["state"] in {"OK", "MARKET_CLOSED"}
    line.append(" ".join([frame["state"], *frame["reasons"]]), style="green" if good else "bold red")
    if not frame["healthy"]:
        line.append("  A TASK IS STUCK", style="bold red")
    line.append(f"   {_clock_et(picture, more_s)} ET", style="bold")
    return line


def _banners(frame: Frame, more_s: float) -> list[RenderableType]:
    picture, out = frame["picture"], []
    if more_s > LOST_AFTER_S:
        out.append(f"CONNECTION LOST {more_s:.1f} s ago: everything below is old; try `ladderd health`")
    if picture["kill_switch"]:
        out.append(f"KILL SWITCH ON: {picture['kill_reason']}")
    if picture["cancel_all"]["active"]:
        out.append(f"CANCEL-ALL UNDER WAY: {picture['cancel_all']['reason']}")
    if picture["paused"]:
        out.append(f"PAUSED: {picture['pause_reason']}; to go on: ladderd resume --by NAME --cause TEXT")
    return [Text(f" {line} ", style="bold white on red") for line in out]


def _window(view: dict[str, Any], picture: dict[str, Any], more_s: float) -> RenderableType:
    style, text = PHASE_STYLES.get(view["phase"], "yellow"), Text()
    text.append(f"{countdown(view, picture, more_s)} ", style=f"bold {style}")
    text.append("to freeze  " if view["phase"] != "closed" else "to the next window  ", style="dim")
    text.append(view["phase"].upper(), style=f"bold {style}")
    age, limit_s = _plus(view, more_s), view["freshness"]["limit_ms"] / 1000
    late = age is None or age > limit_s
    index = "-" if view["index_value"] is None else f"{view['index_value'] / 1e6:,.2f}"
    text.append(f"\n{view['symbol']} {index}  age ")
    text.append(f"{age_text(age)} of {limit_s:.2f} s", style="bold red" if late else "green")
    text.append(f"  feed {view['active_feed'] or 'none'}")
    text.append("\nmay quote" if view["open"] else f"\nMAY NOT QUOTE: {', '.join(view['reasons'])}", style=style)
    return Panel(text, title=f"{view['name']}  {view['window'] or 'no window'}", title_align="left", border_style=style)


def _ladder(view: dict[str, Any], picture: dict[str, Any]) -> RenderableType:
    table = Table(expand=True, box=None, padding=(0, 1), title=f"{view['name']} ladder, cents", title_justify="left")
    for name in ("strike", "fair", "bid", "ask", "our bid", "our ask", "pos"):
        table.add_column(name, justify="right")
    rungs = [rung for rung in picture["ladder"] if rung["series"] == view["name"]]
    for rung in sorted(rungs, key=lambda rung: rung["strike"], reverse=True):
        ours = rung["our_bid"] is not None or rung["our_ask"] is not None
        table.add_row(
            f"{rung['strike'] / 1e6:,.0f}",
            cents_text(rung["fair"]),
            cents_text(rung["bid"]),
            cents_text(rung["ask"]),
            Text(cents_text(rung["our_bid"]), style="bold blue"),
            Text(cents_text(rung["our_ask"]), style="bold yellow"),
            f"{rung['position'] / 100:g}" if rung["position"] else "",
            style="" if ours else "dim",
        )
    return table


def _orders(picture: dict[str, Any], more_s: float) -> RenderableType:
    orders = picture["orders"]
    title = f"orders that may be live: {len(orders)}"
    table = Table(expand=True, box=None, padding=(0, 1), title=title, title_justify="left")
    for name, justify in (
        ("market", "left"),
        ("side", "left"),
        ("price", "right"),
        ("state", "left"),
        ("age", "right"),
    ):
        table.add_column(name, justify="right" if justify == "right" else "left", no_wrap=True)
    for order in orders[:ORDERS_SHOWN]:
        age = age_text(order["age_ms"] / 1000 + more_s)
        table.add_row(
            f"{order['series']} {order['ticker'].rpartition('-')[2]}",
            order["side"],
            cents_text(order["price"]),
            order["state"],
            age,
        )
    if len(orders) > ORDERS_SHOWN:
        table.add_row(f"... and {len(orders) - ORDERS_SHOWN} more", "", "", "", "")
    return table


def _gates(picture: dict[str, Any]) -> RenderableType:
    passing = [gate for gate in picture["gates"] if gate["status"] == "PASS"]
    table = Table(expand=True, box=None, padding=(0, 1), title=f"gates: {len(passing)} pass", title_justify="left")
    table.add_column("vote", no_wrap=True)
    table.add_column("gate and why")
    for gate in picture["gates"]:
        if gate["status"] != "PASS":
            name = f"{gate['name']} {gate['series']}".strip()
            why = ": ".join(part for part in (name, gate["reason"], gate["detail"]) if part)
            table.add_row(Text(gate["status"], style=VOTE_STYLES.get(gate["status"], "yellow")), Text(why))
    if not picture["gates"]:
        table.add_row(Text("UNKNOWN", style="yellow"), "no gate has voted: nothing may be quoted")
    return table


def _windows(picture: dict[str, Any]) -> RenderableType:
    table = Table(expand=True, box=None, padding=(0, 1), title="windows of this run", title_justify="left")
    for name in ("window", "series", "fills", "P&L", "report"):
        table.add_column(name, justify="right" if name in {"fills", "P&L"} else "left", overflow="fold")
    for result in reversed(picture["windows"][-WINDOWS_SHOWN:]):
        waiting_for = "running" if result["target_ns"] > picture["now"][1] else "waiting"
        pnl = cash_text(result["pnl"]) if result["settled"] else waiting_for
        table.add_row(result["label"], result["series"], str(result["fills"]), pnl, result["report"] or "-")
    return table


def _money(picture: dict[str, Any], more_s: float) -> RenderableType:
    cancel, text = picture["cancel_all"], Text()
    text.append(f"realised {cash_text(picture['realised'])}  unrealised {cash_text(picture['unrealised'])}  ")
    text.append(f"fees {cash_text(picture['fees'])}\n")
    text.append(f"day loss used {cash_text(picture['day_loss_used'])} of {cash_text(picture['day_loss_limit'])}\n")
    tail_s = cancel["tail_s"] - more_s
    state = "UNDER WAY" if cancel["active"] else f"no places for {tail_s:.0f} s" if tail_s > 0 else "idle"
    flat = cancel["last_time_to_flat_ms"]
    text.append(f"cancel-all {state}, last flat in {'-' if flat is None else f'{flat:.0f} ms'}\n")
    for feed in picture["feeds"]:
        ages = ", ".join(
            f"{symbol.removeprefix('I:')} {age_text(None if age is None else age / 1000 + more_s)}"
            for symbol, age in feed["ages_ms"].items()
        )
        style = "green" if feed["state"] == "live" else "red" if feed["active"] else "dim"
        text.append(f"{'> ' if feed['active'] else '  '}{feed['name']} {feed['state']} {ages}\n", style=style)
    return text
