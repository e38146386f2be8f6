"""The picture as text: a live screen for a terminal, and single lines for a pipe or a log.

Pure: a frame decoded from `/picture`, the seconds since it was drawn and the room there is go in; text that rich can
print comes out. Ages grow and countdowns fall by those seconds, so a screen that gets no new frame shows it.

The screen is made for 80 columns and 24 rows. What matters stands above and is never left out: verdict, clock, address,
trouble, windows, money, feeds and gates. The rungs and results of windows below take the rows that are left over.
"""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from domain.clock import NS_PER_S
from domain.stamps import et_text
from ops.readiness import Permission
from ops.status_text import against_lines
from ops.words import age_text, cash_text, cents_text, count_text, countdown, points_text, strike_text

LOST_AFTER_S = 1.5
SHOWN_FROM_PPM, WHOLE_PPM = 900_000, 1_000_000
PHASE_STYLES = {
    "closed": "dim",
    "preflight": "yellow",
    "quoting": "green",
    "strict": "yellow",
    "flattening": "red",
    "frozen": "cyan",
}
VERDICT_STYLES = {
    Permission.MAY_QUOTE.value: "bold green",
    Permission.WAITING.value: "bold cyan",
    Permission.NOT_READY.value: "bold red",
}
WINDOWS_SHOWN = 6
AGAINST_SHOWN = 3
POSITIONS_SHOWN = 4
ROWS, COLUMNS = 24, 80
RUNG_ROWS_MIN = 3

Frame = dict[str, Any]


def screen(
    frame: Frame, more_s: float, title: str = "ladderd", address: str = "", columns: int = COLUMNS, rows: int = ROWS
) -> RenderableType:
    """The whole screen, `more_s` seconds after the frame was drawn, in at most `rows` lines of `columns`."""
    lines = [*_head(frame, more_s, title, address), *_banners(frame, more_s)]
    for view in frame["picture"]["series"]:
        lines += _window(view, frame["picture"], more_s)
    lines += _money(frame["picture"], more_s)
    lines += _feeds(frame["picture"], more_s)
    lines += _gates(frame)
    results = _windows(frame["picture"])
    spare = rows - len(lines) - RUNG_ROWS_MIN - len(frame["picture"]["orders"]) - POSITIONS_SHOWN
    results = results[: max(0, spare)]
    lines += _holdings(frame["picture"], max(1, min(POSITIONS_SHOWN, rows - len(lines) - RUNG_ROWS_MIN)))
    lines += _rungs(frame, more_s, max(0, rows - len(lines) - len(results)))
    lines += results
    for line in lines:
        line.no_wrap = True
        line.truncate(columns, overflow="ellipsis")
    return Group(*lines[:rows])


def waiting(address: str, waited_s: float, why: str) -> RenderableType:
    """What is shown before the first frame."""
    return Text(f"waiting for the daemon at {address} for {waited_s:.0f} s ... {why}", style="yellow")


def plain(frame: Frame, more_s: float = 0.0) -> str:
    """One line: clock, state, verdict, each series, orders, P&L."""
    picture = frame["picture"]
    parts = [f"{_clock_et(picture, more_s)} ET", frame["state"], frame["readiness"]["verdict"]]
    for view in picture["series"]:
        left, _ = countdown(view, picture, more_s)
        line = f"{view['name']} {view['phase']} {left} age {age_text(_plus(view, more_s))}"
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
        frame["readiness"]["verdict"],
        *((view["phase"], view["permission"], tuple(view["reasons"])) for view in picture["series"]),
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


def _plus(view: dict[str, Any], more_s: float) -> float | None:
    age = view["freshness"]["age_ms"]
    return None if age is None else age / 1000 + more_s


def _clock_et(picture: dict[str, Any], more_s: float) -> str:
    return et_text(int(picture["now"][1] + more_s * NS_PER_S))[11:19]


def _head(frame: Frame, more_s: float, title: str, address: str) -> list[Text]:
    picture, answer = frame["picture"], frame["readiness"]
    line, lost = Text(), more_s > LOST_AFTER_S
    line.append(f" {title} ", style="bold reverse")
    line.append(f" {picture['mode']} ", style="bold red" if picture["mode"] == "live" else "bold")
    verdict = answer["verdict"]
    if 0 < len(answer["held"]) < len(picture["series"]):
        verdict += f": {', '.join(answer['held'])}"
    line.append(f" {'was ' if lost else ''}{verdict} ", style="dim" if lost else VERDICT_STYLES[answer["verdict"]])
    calm = frame["state"] in {"OK", "MARKET_CLOSED"}
    style = "dim" if lost or (calm and not answer["ready"]) else "green" if calm else "bold red"
    line.append(" " + " ".join([frame["state"], *frame["reasons"]]), style=style)
    if not frame["healthy"]:
        line.append("  A TASK IS STUCK", style="bold red")
    line.append(f"  {_clock_et(picture, more_s)} ET", style="bold")
    return [line, Text(f"{address}  picture {age_text(more_s)} old; q ends this view".strip(), style="dim")]


def _banners(frame: Frame, more_s: float) -> list[Text]:
    picture, out = frame["picture"], []
    if more_s > LOST_AFTER_S:
        out.append(f"CONNECTION LOST {more_s:.1f} s ago: all below is old; try `ladderd health`")
    if picture["kill_switch"]:
        out.append(f"KILL SWITCH ON: {picture['kill_reason']}")
    if picture["stopping"]:
        out.append(
            "THE DAEMON IS STOPPING: " + ("flat proven" if picture["flat"]["proven"] else picture["flat"]["why"])
        )
    elif picture["cancel_all"]["active"]:
        proof = picture["flat"]["why"] or "flat proven"
        out.append(f"CANCEL-ALL UNDER WAY: {picture['cancel_all']['reason']}; {proof}")
    if picture["paused"]:
        out.append(f"PAUSED: {picture['pause_reason']}; to go on: ladderd resume")
    if picture["orders_wait"]:
        out.append(f"NEW ORDERS WAIT: {picture['orders_wait']}")
    if picture["close_out"]:
        out.append(f"POSITIONS CLOSED BY HAND: {picture['close_out']}")
    return [Text(f" {line} ", style="bold white on red") for line in out]


def _window(view: dict[str, Any], picture: dict[str, Any], more_s: float) -> list[Text]:
    shut = view["phase"] in {"quoting", "strict"} and not view["open"]
    style = "red" if shut else PHASE_STYLES.get(view["phase"], "yellow")
    left, towards = countdown(view, picture, more_s)
    first, second = Text(f"{view['name']:<10} ", style="bold"), Text(" " * 11)
    first.append(f"{view['phase'].upper():<10} {left:>8}", style=f"bold {style}")
    first.append(f" {towards}, {view['window'] or 'no window'}  ", style="dim")
    first.append(view["permission"], style=VERDICT_STYLES.get(view["permission"], "bold red"))
    age, limit_s = _plus(view, more_s), view["freshness"]["limit_ms"] / 1000
    late = age is None or age > limit_s
    second.append(f"{view['symbol'].removeprefix('I:')} {points_text(view['index_value'])}  age ")
    second.append(f"{age_text(age)} of {limit_s:.2f} s", style="bold red" if late else "green")
    second.append(f"  feed {view['active_feed'] or 'none'}  trips {view['trips']}")
    return [first, second]


def _money(picture: dict[str, Any], more_s: float) -> list[Text]:
    realised, used = picture["day_loss_realised"], picture["day_loss_used"]
    money = f"P&L {cash_text(picture['realised'])} realised, {cash_text(picture['unrealised'])} open"
    money += f"; loss today {cash_text(realised)} + worst case {cash_text(used - realised)}"
    cancel = picture["cancel_all"]
    tail_s = cancel["tail_s"] - more_s
    state = "UNDER WAY" if cancel["active"] else f"no places for {tail_s:.0f} s" if tail_s > 0 else "idle"
    took = cancel["last_time_to_flat_ms"]
    flat = "proven" if picture["flat"]["proven"] else "not proven"
    last = "-" if took is None else f"{took:.0f} ms"
    rest = f"limit {cash_text(picture['day_loss_limit'])}; cancel-all {state}, last {last}; flat {flat}"
    return [Text(money), Text(rest), *_nearest(picture)]


def _nearest(picture: dict[str, Any]) -> list[Text]:
    """The limit on money of which most is used, once that is worth a line."""
    one = max(picture["limits"], key=lambda each: each["share_ppm"], default=None)
    if one is None or one["share_ppm"] < SHOWN_FROM_PPM:
        return []
    style = "bold red" if one["share_ppm"] >= WHOLE_PPM else "yellow"
    return [Text(f"nearest limit: {one['name']} {one['used']} of {one['most']}", style=style)]


def _feeds(picture: dict[str, Any], more_s: float) -> list[Text]:
    lines = []
    for feed in picture["feeds"]:
        ages = ", ".join(
            f"{symbol.removeprefix('I:')} {age_text(None if age is None else age / 1000 + more_s)}"
            for symbol, age in feed["ages_ms"].items()
        )
        style = "green" if feed["state"] == "live" else "red" if feed["active"] else "dim"
        mark = "> " if feed["active"] else "  "
        aside = f"; set aside: {feed['set_aside']}" if feed["set_aside"] else ""
        said = f"feed {mark}{feed['name']} {feed['state']} {ages} {feed['reason']}".rstrip()
        lines.append(Text(said + aside, style=style))
    return lines


def _gates(frame: Frame) -> list[Text]:
    gates, answer = frame["picture"]["gates"], frame["readiness"]
    if not gates:
        return [Text("gates: no gate has voted: nothing may be quoted", style="bold red")]
    against = against_lines(frame, brief=True)
    passing = sum(gate["status"] in {"PASS", "NOT_CONFIGURED"} for gate in gates)
    if not against:
        return [Text(f"gates: all {passing} pass", style="green")]
    style = VERDICT_STYLES[answer["verdict"]]
    lines = [Text(f"gates: {passing} of {len(gates)} pass; against:")]
    lines += [Text(f"  {line}", style=style) for line in against[:AGAINST_SHOWN]]
    if len(against) > AGAINST_SHOWN:
        lines.append(Text(f"  ... and {len(against) - AGAINST_SHOWN} more: ladderd status", style=style))
    return lines


def _holdings(picture: dict[str, Any], most: int) -> list[Text]:
    """Every open position has a line while there is room; what has none is counted."""
    held = picture["holdings"]
    worst = sum(one["worst_loss"] for one in picture["exposures"])
    if not held:
        return [Text("positions: none")]
    told = [f"{one['series']} {strike_text(one['strike'])} {count_text(one['count'])}" for one in held]
    head = f"positions: {len(held)}, worst case {cash_text(worst)}: "
    lines = [head]
    for number, words in enumerate(told):
        more = len(told) - number
        if len(lines[-1]) + len(words) + 2 > COLUMNS - (12 if len(lines) == most else 0):
            if len(lines) == most:
                lines[-1] += f"and {more} more"
                break
            lines.append("  ")
        lines[-1] += words + (", " if more > 1 else "")
    return [Text(line.rstrip()) for line in lines]


def _rungs(frame: Frame, more_s: float, most: int) -> list[Text]:
    """Rungs with an order or a position first, then those nearest the money, in the order of the ladder."""
    picture = frame["picture"]
    title = f"live orders: {len(picture['orders'])}"
    ours = f"{'bid us':>6} {'age':>6}{'ask us':>6} {'age':>6}"
    head = f"{title:<20}{'fair':>6}{'bid':>6}{'ask':>6} |{ours}{'pos':>5}  not for"
    resting: dict[tuple[str, str], dict[str, Any]] = {(o["ticker"], o["side"]): o for o in picture["orders"]}
    rungs = picture["ladder"]
    ranked = sorted(
        range(len(rungs)),
        key=lambda at: (
            (rungs[at]["ticker"], "bid") not in resting and (rungs[at]["ticker"], "ask") not in resting,
            not rungs[at]["position"],
            abs((rungs[at]["fair"] or 0) - 5_000),
        ),
    )
    chosen = sorted(
        ranked[: max(0, most - 1)], key=lambda at: (rungs[at]["series"], -rungs[at]["strike"], rungs[at]["ticker"])
    )
    lines = [Text(head, style="dim"), *(_rung(frame, rungs[at], resting, more_s) for at in chosen)]
    drawn = {rung["ticker"] for rung in rungs}
    lines += [_stray(order, more_s) for order in picture["orders"] if order["ticker"] not in drawn]
    return lines[:most]


def _rung(frame: Frame, rung: dict[str, Any], resting: dict[tuple[str, str], dict[str, Any]], more_s: float) -> Text:
    line = Text(f"{rung['series']:<11}{strike_text(rung['strike']):>9}")
    line.append(f"{cents_text(rung['fair']):>6}{cents_text(rung['bid']):>6}{cents_text(rung['ask']):>6} |")
    for side, style in (("bid", "bold blue"), ("ask", "bold yellow")):
        order = resting.get((rung["ticker"], side))
        age = "" if order is None else age_text(order["age_ms"] / 1000 + more_s).replace(" s", "s")
        late = "" if order is None or order["state"].lower() == "open" else "*"
        price = "" if order is None else cents_text(order["price"])
        line.append(f"{price:>6}{late or ' '}{age:>6}", style=style)
    line.append(f"{count_text(rung['position']) if rung['position'] else '':>5}")
    words = dict.fromkeys(frame["rung_advice"].get(why, [why])[0] for why in (rung["why_bid"], rung["why_ask"]) if why)
    line.append(f"  {'/'.join(words)}", style="dim")
    return line


def _stray(order: dict[str, Any], more_s: float) -> Text:
    """An order in a market that no ladder on the screen has."""
    age = age_text(order["age_ms"] / 1000 + more_s)
    return Text(
        f"{order['series']} {order['ticker']} {order['side']} {cents_text(order['price'])} {order['state']} {age}"
    )


def _windows(picture: dict[str, Any]) -> list[Text]:
    lines = []
    for result in reversed(picture["windows"][-WINDOWS_SHOWN:]):
        running = "running" if result["target_ns"] > picture["now"][1] else "waiting"
        pnl = cash_text(result["pnl"]) if result["settled"] else running
        told = f"{result['label']} {result['series']}: {result['fills']} fills, {pnl} {result['report']}"
        lines.append(Text(told.rstrip()))
    return lines
