"""The plans of faults under which defects are looked for: small worlds, each sound by itself."""

from __future__ import annotations

from sim.planted.run import Plan, Strike

QUIET = Plan(windows=1)
SILENT_INDEX = Plan((Strike("index_silence", 0, 46, 5, (("fault", "silence"),)),), windows=1)
KILL_FILE = Plan((Strike("kill_file", 0, 10, 95),), windows=1, window_s=120)
KILL_FILE_AND_DEATH = Plan(
    (Strike("kill_file_kept", 0, 8, 98), Strike("kill", 0, 30, 0, (("back_ms", 700),))), windows=1, window_s=120
)
PAUSE_AND_DEATH = Plan((Strike("operator_pause", 0, 15, 20), Strike("kill", 0, 18, 0, (("back_ms", 700),))), windows=1)
LOST_CANCELS = Plan(
    (
        Strike(
            "lost_cancel",
            0,
            10,
            6,
            (("fault", "lost_request"), ("probability", 0.7), ("op", ("cancel_order", "batch_cancel"))),
        ),
    ),
    windows=1,
)
LOST_TRIGGERS = Plan(
    (
        Strike("index_silence", 0, 92, 12, (("fault", "silence"),)),
        Strike("lost_cancel", 0, 92, 2.5, (("fault", "lost_request"), ("op", ("trigger_group",)))),
    ),
    windows=1,
    window_s=120,
)
ANSWERS_FAIL = Plan(
    (
        Strike(
            "server_error_after",
            0,
            10,
            8,
            (
                ("fault", "http_5xx"),
                ("code", 504),
                ("processed", True),
                ("probability", 0.6),
                ("op", ("create_order",)),
            ),
        ),
    ),
    windows=1,
)
LATE_ANSWERS = Plan(
    (
        Strike("exchange_latency", 0, 10, 10, (("fault", "latency"), ("ms", 900), ("op", ("create_order",)))),
        Strike("lost_answer", 0, 22, 8, (("fault", "lost_answer"), ("probability", 0.7), ("op", ("create_order",)))),
    ),
    windows=1,
    seed=7,
)
DOUBLE_FILLS = Plan(
    (
        Strike("duplicate_fill", 0, 5, 40, (("fault", "ws_duplicate"), ("channel", "fill"))),
        Strike("forced_fills", 0, 12, 6, (("fault", "force_fill"),)),
    ),
    windows=1,
)
FILLS = Plan((Strike("forced_fills", 0, 12, 20, (("fault", "force_fill"),)),), windows=2)
LOST_FILLS = Plan(
    (
        Strike("lost_fill_message", 0, 5, 45, (("fault", "ws_lost"), ("channel", ("fill", "user_orders")))),
        Strike("forced_fills", 0, 12, 6, (("fault", "force_fill"),)),
    ),
    windows=2,
)
DEATH = Plan(
    (Strike("forced_fills", 0, 8, 4, (("fault", "force_fill"),)), Strike("kill", 0, 25, 0, (("back_ms", 700),))),
    windows=1,
)
DEATH_PLACING = Plan(
    (
        Strike("slow_fsync", 0, 8, 45, (("ms", 200),)),
        Strike("kill_soon_after_place", 0, 12, 0, (("back_ms", 700),)),
        Strike("kill_soon_after_place", 0, 22, 0, (("back_ms", 700),)),
        Strike("kill_soon_after_place", 0, 32, 0, (("back_ms", 700),)),
    ),
    windows=1,
    seed=6,
)
TERMINATED = Plan(
    (
        Strike("stale_reads", 0, 10, 30, (("fault", "list_lag_ms"), ("ms", 900))),
        Strike(
            "lost_cancel",
            0,
            19.9,
            1.2,
            (("fault", "lost_request"), ("op", ("cancel_all", "cancel_order", "batch_cancel", "trigger_group"))),
        ),
        Strike("sigterm", 0, 20),
    ),
    windows=1,
)
FEED_DEAD = Plan((Strike("feed_silence", 0, 15, 8, (("fault", "silence"), ("host", 1))),), windows=1, feeds="hot")
WRONG_CLOCK = Plan((Strike("clock_step", 0, 12, 20, (("ms", 1900),)),), windows=1)
SWEPT = Plan((Strike("outside_cancel_all", 0, 12, 3),), windows=1)
STREAM_GONE = Plan(
    (Strike("stream_refused", 0, 15, 6, (("fault", "lost_request"), ("op", "ws_connect"), ("drop", True))),), windows=1
)
REPLAYED = Plan(windows=1, replay=True)
POOR = Plan((Strike("index_silence", 0, 44, 1, (("fault", "silence"),)),), windows=1, tier="basic")
CLOSED_EARLY = Plan((Strike("close_early", 0, 10, 0, (("fault", "close_early"),)),), windows=1)
STREAM_LATE = Plan((Strike("stream_late", 0, 10, 20, (("fault", "ws_delay"), ("ms", 5_000))),), windows=1)
INDICES_FROZEN = Plan((Strike("indices_frozen", 0, 10, 20, (("fault", "frozen"),)),), windows=1)
JUMPS = Plan(
    tuple(Strike("feed_jump", 0, at, 0, (("fault", "jump"), ("bps", 130))) for at in (10, 14, 18, 22)), windows=1
)
ODD_SETTLEMENT = Plan(
    (
        Strike("forced_fills", 0, 10, 10, (("fault", "force_fill"),)),
        Strike("odd_settlement", 0, 12, 0, (("fault", "odd_settlement"), ("worth", 3_700), ("late_s", 5))),
    ),
    windows=1,
)
DAMAGED = Plan((Strike("journal_flip", 0, 10, 8, (("place", 0.45),)),), windows=1)
EDITED = Plan((Strike("config_refused", 0, 10, 6, (("key", "value"),)),), windows=2, window_s=120)
PAUSED = Plan((Strike("operator_pause", 0, 20, 5),), windows=1, window_s=120)
LATE_FILLS = Plan(
    (
        Strike("late_fill_message", 0, 5, 45, (("fault", "ws_delay"), ("ms", 8_000), ("channel", "fill"))),
        *(
            Strike("forced_fills", 0, after_s, 36, (("fault", "force_fill"), ("side", "bid")))
            for after_s in (8, 8.3, 8.6)
        ),
    ),
    windows=1,
)
REFUSED = Plan((Strike("refused_for_ever", 0, 6, 0, (("fault", "refuse_orders"), ("status", 401))),), windows=1)
STRANGER = Plan((Strike("strangers_cancel_all", 0, 12),), windows=1, window_s=120)
# His cancels are explained by the pause before them.
STRANGER_AFTER_PAUSE = Plan(
    (Strike("exchange_pause", 0, 10, 2.4, (("fault", "exchange_pause"),)), Strike("strangers_cancel_all", 0, 24)),
    windows=1,
    window_s=120,
)
STREAM_CUT = Plan((Strike("stream_drop", 0, 20, 0, (("fault", "ws_drop"),)),), windows=1, window_s=120)


def filling(**limits: int) -> Plan:
    """Fills in two windows, with these limits of `[risk]` near."""
    return FILLS._replace(limits=tuple(limits.items()))


# What is bought in a window is never sold in it.
BOUGHT = Plan(
    (Strike("forced_fills", 0, 8, 40, (("fault", "force_fill"), ("side", "bid"))),),
    windows=1,
    limits=(("per_window_contracts", 3),),
)
# Balances are answered with an error for as long as the first window lasts.
UNKNOWN_CASH = Plan((Strike("lost_read", 0, -14, 45, (("fault", "http_5xx"), ("op", ("get_balance",)))),), windows=2)
# Every limit that a small account would reach first is out of the way, so that its cash is the one that is reached.
ALL = 1_000_000
POOR_ACCOUNT = filling(
    daily_loss_pause_ppm=ALL - 2, daily_loss_stop_ppm=ALL - 1, var_limit_ppm=ALL, stress_limit_ppm=ALL
)._replace(balance_dollars=3)
BIG_ORDERS = filling(per_order_dollars=1)._replace(quoting=(("contracts_per_order", 2),))
# The books of record are answered with an error for most of the window.
UNREAD = Plan(
    (
        Strike(
            "lost_read",
            0,
            10,
            100,
            (("fault", "http_5xx"), ("op", ("list_orders", "get_fills", "get_positions", "get_balance"))),
        ),
    ),
    windows=1,
    window_s=180,
    limits=(("snapshot_age_limit_s", 20),),
)


# I:VIX: far above the stop level, then at half size; silent for longer than its limit.
VIX_BAD_PRINT = Plan(
    (Strike("feed_divergence", 0, 12, 6, (("fault", "divergence"), ("symbol", "I:VIX"), ("bps", 20_000))),), windows=1
)
VIX_HALF = Plan(
    (Strike("feed_divergence", 0, 12, 20, (("fault", "divergence"), ("symbol", "I:VIX"), ("bps", 8_500))),), windows=1
)
VIX_SILENT = Plan(
    (Strike("index_silence", 0, 10, 95, (("fault", "silence"), ("symbol", "I:VIX"))),), windows=1, window_s=120
)
# What was sold is worth more and more: the index rises through this window.
LOSING = Plan(
    (Strike("forced_fills", 0, 8, 20, (("fault", "force_fill"), ("side", "ask"))),),
    windows=1,
    limits=(("event_loss_dollars", 1), ("joint_delta_contracts", 100), ("per_market_contracts", 20)),
)
