"""`ladderd status`, `positions` and `providers`: the frame that the page shows, as lines of text. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.clock import NS_PER_S
from domain.money import INDEX_PER_POINT
from domain.stamps import utc_text
from ops.words import age_text, cash_text, cents_text, count_text, countdown, points_text, strike_text

Frame = dict[str, Any]
WHOLE_PPM = 1_000_000
SECONDS_PER_HOUR = 3600
HEALTHY_STATES = frozenset({"OK", "MARKET_CLOSED"})


def all_is_well(frame: Frame) -> bool:
    """Whether the state is a good one and no gate holds orders back."""
    return frame["state"] in HEALTHY_STATES and bool(frame["readiness"]["ready"])


def status_text(frame: Frame) -> str:
    """The verdict first, then each series, what is against it, and what is at stake."""
    picture = frame["picture"]
    summary = f": {frame['summary']}" if frame["summary"] else ""
    lines = [f"{frame['readiness']['verdict']}, {frame['state']}{summary}"]
    lines += [f"  {_series_line(view, picture)}" for view in picture["series"]]
    lines += [f"  held back by: {line}" for line in against_lines(frame)]
    lines += [f"  new orders wait: {picture['orders_wait']}"] if picture["orders_wait"] else []
    lines += [f"  cancel-all under way: {picture['cancel_all']['reason']}"] if picture["cancel_all"]["active"] else []
    flat = picture["flat"]
    proof = "" if picture["orders"] else " (nothing of ours rests: proven)" if flat["proven"] else f" ({flat['why']})"
    lines.append(f"  orders that may be live: {len(picture['orders'])}{proof}")
    held, worst = picture["holdings"], sum(one["worst_loss"] for one in picture["exposures"])
    lines.append(f"  open positions: {len(held)}, worst case {cash_text(worst)}; ladderd positions lists them")
    lines.append(
        f"  P&L: realised {cash_text(picture['realised'])}, unrealised {cash_text(picture['unrealised'])},"
        f" fees {cash_text(picture['fees'])}"
    )
    lines.append(f"  {day_loss_text(picture)}")
    lines += [f"  {line}" for line in limits_lines(picture)]
    lines.append(f"  mode {picture['mode']}, process {picture['pid']}, build {picture['build_id']}")
    lines.append(f"  configuration {picture['config_hash']}")
    return "\n".join(lines)


def controls_text(rows: list[dict[str, Any]]) -> str:
    """Each control that must be proven, the date of its proof, and how to have it proven again."""
    table = [("control", "status", "proven by", "last proven (UTC)", "limit", "drill")]
    for row in rows:
        when = "never" if row["proven_s"] is None else utc_text(round(row["proven_s"]) * NS_PER_S)
        limit = f"{row['limit_s'] / SECONDS_PER_HOUR:g} h"
        table.append((row["name"], row["status"], row["by"], when, limit, row["drill"]))
    return "\n".join(_table(table))


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(text.ljust(widths[at]) for at, text in enumerate(row)).rstrip() for row in rows]


def positions_text(picture: dict[str, Any]) -> str:
    """A table of the open positions, and each series together."""
    if not picture["holdings"]:
        return "no open position"
    rows = [("series", "strike", "count", "average", "fair", "marked", "worst case", "market")]
    rows += [
        (
            one["series"],
            strike_text(one["strike"]),
            count_text(one["count"]),
            cents_text(one["average"]) or "?",
            cents_text(one["fair"]) or "-",
            cash_text(one["marked"]) if one["marked"] is not None else "awaits settlement",
            cash_text(one["worst_loss"]),
            one["ticker"],
        )
        for one in picture["holdings"]
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(_cell(text, widths[at], at) for at, text in enumerate(row)).rstrip() for row in rows]
    lines += [
        f"{one['series']}: {one['markets']} markets, net {count_text(one['net'])},"
        f" gross {count_text(one['gross'])[1:]}, marked {cash_text(one['marked'])},"
        f" worst case {cash_text(one['worst_loss'])}"
        for one in picture["exposures"]
        if one["markets"]
    ]
    return "\n".join([*lines, "counts in contracts, average and fair in cents a contract"])


def providers_text(picture: dict[str, Any]) -> str:
    """Each provider's score of the session, then the fallbacks. Rounded down: 100 % means that nothing was missed."""
    lines = [f"session {picture['session']}: how often each provider was well, of one look a second in market hours"]
    for one in picture["providers"]:
        hundredths = one["good"] * 10_000 // one["looks"]
        share = f"{hundredths // 100}.{hundredths % 100:02} %"
        lines.append(f"  {one['name']}: {share}, {one['good']} of {one['looks']} looks")
    if not picture["providers"]:
        lines.append("  no look yet")
    return "\n".join([*lines, f"  fallbacks from the primary feed to the secondary: {picture['fallbacks']}"])


def vix_verdict(vix: dict[str, Any]) -> str:
    """PASS while I:VIX lets us quote, FAIL while it is too high; else why it does not say either."""
    if vix["band"] in {"normal", "watch", "half"}:
        return "PASS"
    if vix["band"] == "not_configured":
        return "NOT_CONFIGURED"
    if vix["band"] == "stop":
        return "FAIL"
    return "DUE_LATER" if vix["due_later"] else "UNKNOWN"


def vix_text(vix: dict[str, Any]) -> str:
    """I:VIX in two lines: the verdict with the value, and what follows for our quotes."""
    verdict = vix_verdict(vix)
    if verdict == "NOT_CONFIGURED":
        return f"vix: {verdict}: vix.enabled is false; size and edge do not follow I:VIX"
    if vix["value"] is None:
        said = vix["why"]
    else:
        said = f"I:VIX {vix['value'] / INDEX_PER_POINT:.2f} on {vix['feed']}, {vix['age_s']:.1f} s old: {vix['band']}"
        said += f", {vix['why']}" if vix["why"] else ""
    due = "; due by 09:31 New York time" if verdict == "DUE_LATER" else ""
    share = vix["factor_ppm"] / 1_000_000
    effect = f"size x {share:g}, edge asked for x {1 / share:g}" if share else "nothing is quoted"
    return f"vix: {verdict}: {said}{due}\n  {effect}; a value counts for {vix['limit_s']:g} s"


def breakers_text(picture: dict[str, Any]) -> str:
    """One line for each breaker: OK or TRIPPED, what it measures, where it trips; then why, and the warning."""
    lines = []
    for each in picture["breakers"]:
        said = "TRIPPED" if each["tripped"] else "OK"
        lines.append(f"{each['name']}: {said}: {each['reading']}; trips at {each['bound']}")
        lines += [f"  {each['tripped']}"] if each["tripped"] else []
    if picture["breaker_warning"]:
        lines.append(f"watch the model: {picture['breaker_warning']}")
    return "\n".join(lines)


def against_lines(frame: Frame, *, brief: bool = False) -> list[str]:
    """One line for each reason that is against: whose, the words, the guard's detail, and what to do unless `brief`."""
    told: dict[tuple[str, str], list[str]] = {}
    for gate in frame["readiness"]["against"]:
        told.setdefault((gate["reason"] or gate["name"], gate["detail"]), []).append(gate["series"])
    lines = []
    for (code, detail), series in told.items():
        words = frame["advice"].get(code)
        whose = f"{', '.join(s for s in series if s)}: " if any(series) else ""
        inside = f" ({detail})" if detail else ""
        if brief:
            lines.append(f"{whose}{words['sentence'] if words else code}{inside}")
            continue
        does = f"; {words['todo']} [docs/{words['runbook']}]" if words else ""
        lines.append(f"{whose}{code}: {words['sentence'] if words else code}{inside}{does}")
    return lines


def limits_lines(picture: dict[str, Any]) -> list[str]:
    """Each limit on money at risk in one line: how much is used, how much may be, and what is measured."""
    if not picture["limits"]:
        return ["limits on money: the session's equity has not been read yet"]
    lines = ["limits on money, used of what may be:"]
    for one in picture["limits"]:
        share = one["share_ppm"] // 10_000
        mark = "PASSED" if one["share_ppm"] > WHOLE_PPM else f"{share} %"
        lines.append(f"  {one['name']}: {one['used']} of {one['most']} ({mark}), {one['words']}")
    return lines


def day_loss_text(picture: dict[str, Any]) -> str:
    """Realised loss and the worst case of positions and resting orders, apart, beside the limit on both together."""
    realised, used = picture["day_loss_realised"], picture["day_loss_used"]
    worst, limit = cash_text(used - realised), cash_text(picture["day_loss_limit"])
    return (
        f"day's loss: realised {cash_text(realised)}, worst case of positions and resting orders {worst},"
        f" limit on both {limit}"
    )


def _series_line(view: dict[str, Any], picture: dict[str, Any]) -> str:
    left, towards = countdown(view, picture, 0.0)
    fresh = view["freshness"]
    age = None if fresh["age_ms"] is None else fresh["age_ms"] / 1000
    return (
        f"{view['name']}: {view['permission']}, {view['window'] or 'no window'} {view['phase']}, {left} {towards};"
        f" {view['symbol']} {points_text(view['index_value'])}, age {age_text(age)} of {fresh['limit_ms'] / 1000:.2f} s"
    )


def _cell(text: str, width: int, column: int) -> str:
    return text.rjust(width) if 0 < column < 7 else text.ljust(width)  # noqa: PLR2004 - the first and last are words
