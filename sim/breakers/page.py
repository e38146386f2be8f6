"""The page docs/breakers.md: what each breaker measures and where it trips, and how often it errs."""

from __future__ import annotations

from typing import Final

from guards.model.breakers import Breaker, BreakerSettings
from sim.breakers.rates import rates, table

FEW_SEEDS: Final = 2
FEW_SESSIONS: Final = 25
HEAD: Final = """# Breakers

Written by `make breakers`. A breaker looks at our own settled windows, or at our own prices, for a sign that the
model is no longer to be believed. One that trips closes the gate `breakers` (`breaker_tripped`), is the record
`breach` with its incident, the alert `breaker_tripped` and `ladderd_breaker_tripped{breaker="..."}`, and stays shut
through a restart until `ladderd resume --by NAME --cause TEXT`, which forgets its evidence. A breaker that cannot be
computed has tripped. `ladderd breakers [--json]` shows each with its figure and its bound. Keys stand in
`[breakers]`.

"""
MEASURED: Final = """
An event is one window of one series, a window both series together. Abs z is an interval's move over the deviation
that was forecast at its start, over the five intervals between 15, 10, 5, 2, 1 and 0 minutes before the target; a
right model's mean is 0.80. Expected is our fair value when a fill was booked, less its price. The chance of a loss is
the model's own at the last fill. A mean abs z outside {low:g} to {high:g} over {events} events is a warning alone:
the alert `model_doubted`.

## How often they err

Counted over settled windows that `sim/breakers` draws from worlds whose truth is known (its docstring says how),
through the daemon's own arithmetic and breakers. `confidence_collapse` and `estimate_stuck` look at prices and not at
results, and are drilled instead. A volatility 27 % too high gives a mean abs z of 0.63, so near the lower bound that
chance trips it as well.

"""


def page(many: str) -> str:
    """The whole page; `many`: the table over many seeds."""
    settings = BreakerSettings()
    trips = {
        Breaker.FORECAST_ERROR: (
            f"mean abs z over the last {settings.events} events outside {settings.z_low_ppm / 1e6:g} to"
            f" {settings.z_high_ppm / 1e6:g}"
        ),
        Breaker.RESULT_DRIFT: (
            f"realised less expected by window, over the last {settings.windows_min} to {settings.windows_kept}"
            f" windows: t below {-settings.drift_deviations}"
        ),
        Breaker.LOSS_RUN: (
            f"windows lost in a row whose chances multiply to less than {settings.loss_run_ppm / 10_000:g} %"
        ),
        Breaker.CONFIDENCE_COLLAPSE: (
            f"all rungs within two deviations unchanged, or at floor or cap, for {settings.collapse_s} s of quoting"
        ),
        Breaker.ESTIMATE_STUCK: (
            f"a series' volatility the same to the last bit at {settings.session_ends} session ends"
        ),
    }
    rows = "".join(f"| `{breaker}` | {where} |\n" for breaker, where in trips.items())
    told = MEASURED.format(
        low=settings.warn_low_ppm / 1e6, high=settings.warn_high_ppm / 1e6, events=settings.events_warned
    )
    few = table(rates(FEW_SEEDS, FEW_SESSIONS))
    first = f"{HEAD}| breaker | trips at |\n|---|---|\n{rows}{told}{many}"
    return f"{first}\nThe same by a few seeds, which a test counts again.\n\n{few}"
