"""Every limit on money at risk, each with its default. What must hold between two of them is checked here."""

from __future__ import annotations

from typing import Annotated

import msgspec

from domain.errors import ConfigurationError
from domain.setting import key


class RiskSettings(msgspec.Struct, frozen=True):
    """Limits in whole dollars and contracts, or millionths of the session's equity; orders count when they are sent."""

    per_order_dollars: Annotated[int, key("The most that one order may lose.", "K18", ge=1, le=10_000)] = 75
    per_day_dollars: Annotated[
        int, key("The most that one session may lose: realised, and the worst case of what is open.", "K18 O13", ge=1,
                 le=100_000)
    ] = 1000  # fmt: skip
    per_week_dollars: Annotated[
        int, key("The most that one week may lose: realised, and the worst case of what is open.", "K18", ge=1,
                 le=500_000)
    ] = 2500  # fmt: skip
    markets_max: Annotated[int, key("How many markets may hold a position or an order.", "K18", ge=1, le=100)] = 10
    signals_max: Annotated[
        int, key("How many markets may be taken up in one session; a signal is the first order in a market.", "K19",
                 ge=1, le=1_000_000)
    ] = 100  # fmt: skip
    per_market_contracts: Annotated[int, key("The most contracts net in one market.", "K18", ge=1, le=10_000)] = 5
    per_window_contracts: Annotated[
        int, key("The most contracts net in one window; also the limit of its order group.", "K18 X02", ge=1, le=10_000)
    ] = 20
    joint_delta_contracts: Annotated[
        int, key("The most contracts, as if at the money, that lose together when both indices move one way.",
                 "K17 K18", ge=1, le=10_000)
    ] = 15  # fmt: skip
    event_share_ppm: Annotated[
        int, key("The most of the day's budget that one event (a series' window) may lose, in millionths.", "K17",
                 ge=1, le=1_000_000)
    ] = 250_000  # fmt: skip
    series_share_ppm: Annotated[
        int, key("The most of the day's budget that one series may lose in all its windows, in millionths.", "K17",
                 ge=1, le=1_000_000)
    ] = 400_000  # fmt: skip
    event_loss_dollars: Annotated[
        int, key("The marked loss of one event (a series' window) at which nothing more is placed in it.", "K18 O13",
                 ge=1, le=100_000)
    ] = 25  # fmt: skip
    var_limit_ppm: Annotated[
        int, key("The most of the equity that 99 of 100 outcomes may lose, in millionths.", "K18 O13", ge=1,
                 le=1_000_000)
    ] = 20_000  # fmt: skip
    var_volatility_ppm: Annotated[
        int, key("How much larger than the model's the volatility is taken for value at risk, in millionths.",
                 "K18 O13", ge=1_000_000, le=10_000_000)
    ] = 1_500_000  # fmt: skip
    stress_limit_ppm: Annotated[
        int, key("The most of the equity that may be lost if both indices move far at once, in millionths.", "K18 O13",
                 ge=1, le=1_000_000)
    ] = 20_000  # fmt: skip
    stress_deviations: Annotated[
        int, key("How far the indices move in the stress test, in deviations of the time left.", "K18 O13", ge=1, le=20)
    ] = 5
    daily_loss_pause_ppm: Annotated[
        int, key("The day's loss, in millionths of equity, that pauses quoting, and that no order may make possible.",
                 "O13 G05", ge=1, le=1_000_000)
    ] = 24_000  # fmt: skip
    daily_loss_step_ppm: Annotated[
        int, key("How much more loss, in millionths of equity, pauses again after a resume.", "O13 G05", ge=1,
                 le=1_000_000)
    ] = 3_000  # fmt: skip
    daily_loss_stop_ppm: Annotated[
        int, key("The day's loss, in millionths of equity, that closes the kill switch.", "O13 G05", ge=1,
                 le=1_000_000)
    ] = 30_000  # fmt: skip
    net_dollars: Annotated[
        int, key("The most dollars of contracts long less short; more pauses quoting.", "O13", ge=1, le=10_000_000)
    ] = 25_000
    gross_dollars: Annotated[
        int, key("The most dollars of contracts long and short together; more pauses quoting.", "O13", ge=1,
                 le=10_000_000)
    ] = 50_000  # fmt: skip
    concentration_ppm: Annotated[
        int, key("The largest event's worst case, in millionths of all that is held, above which quoting pauses.",
                 "O13", ge=1, le=1_000_000)
    ] = 700_000  # fmt: skip
    snapshot_age_limit_s: Annotated[
        int, key("How old the exchange's books may be in an open window before quoting pauses.", "O13", ge=5, le=3600)
    ] = 120

    def __post_init__(self) -> None:
        """A pause comes before the stop. Raises ConfigurationError with both names."""
        if self.daily_loss_pause_ppm >= self.daily_loss_stop_ppm:
            message = (
                f"risk.daily_loss_pause_ppm {self.daily_loss_pause_ppm} is not below risk.daily_loss_stop_ppm"
                f" {self.daily_loss_stop_ppm}: the kill switch would close before the pause"
            )
            raise ConfigurationError(message)
