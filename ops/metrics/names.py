"""Which keys the engine fills in `Status.counters` and `Status.histograms`, and what each is called outside.

Counters (they only grow; a part after ":" becomes the label, where the table names one; a bare key is their sum):
  ticks[:feed] ticks_rejected[:reason] trips[:series] failovers steps journal_records starts alerts reconnects[:socket]
  orders_sent cancels_sent[:kind] group_triggers cancel_alls post_only_rejects requotes fills taker_fills listings
  places_{accepted,refused,unknown,unsent}[:reason] and drifts, books_stale, stream_drops, loop_stalls, read_failures
  proposals strategy_cycles strategy_cycles_skipped errors halts stales: for the names that dashboards expect
  proven:<control>     Unix seconds at which that control was last proven to work: a time, not a count
  <key>:samples        how many samples of that histogram were ever taken (see ops/metrics/buckets.py)
  any other key is shown as ladderd_events_total{event="key"}: nothing counted is ever hidden.
Histograms (raw samples in seconds): time_to_flat_s:<trigger> place_rtt_s cancel_rtt_s step_s loop_lag_s
  feed_delivery_s journal_fsync_s; step_s is also shown as agent_tick_duration_seconds.
"""

from __future__ import annotations

from typing import NamedTuple


class Named(NamedTuple):
    """A metric's name without `_total`, its help text, and the label that a key's second part becomes ("" = none)."""

    name: str
    text: str
    label: str = ""


COUNTERS: dict[str, Named] = {
    "ticks": Named("ladderd_ticks", "Valid index values received."),
    "ticks_rejected": Named("ladderd_ticks_rejected", "Index values refused as invalid, by reason.", "reason"),
    "orders_sent": Named("ladderd_orders_sent", "Orders written to the exchange's socket."),
    "places_accepted": Named("ladderd_orders_accepted", "Orders that the exchange took."),
    "places_refused": Named("ladderd_orders_refused", "Orders that the exchange refused, by reason.", "reason"),
    "places_unknown": Named("ladderd_orders_unknown", "Orders whose outcome was unknown for a while."),
    "places_unsent": Named("ladderd_orders_unsent", "Orders given up before one byte was written."),
    "post_only_rejects": Named("ladderd_post_only_rejects", "Orders refused because they would have taken."),
    "fills": Named("ladderd_fills", "Executions of our orders, each trade id once."),
    "taker_fills": Named("ladderd_taker_fills", "Executions in which we took: must stay at zero."),
    "group_triggers": Named("ladderd_group_triggers", "Order groups triggered."),
    "cancel_alls": Named("ladderd_cancel_alls", "Account-wide cancel-alls sent."),
    "drifts": Named("ladderd_reconcile_drifts", "Differences found between own books and the exchange's."),
    "books_stale": Named("ladderd_books_stale", "Times that books could not be believed."),
    "stream_drops": Named("ladderd_stream_drops", "Times that the exchange's websocket was lost."),
    "loop_stalls": Named("ladderd_loop_stalls", "Times that the event loop stood still."),
    "read_failures": Named("ladderd_read_failures", "Reads of the exchange that failed."),
    "cancels_sent": Named("ladderd_cancels_sent", "Orders for which a cancel was sent.", "kind"),
    "trips": Named("ladderd_guard_trips", "Times a freshness guard tripped, by series.", "series"),
    "failovers": Named("ladderd_feed_failovers", "Switches of the active index feed."),
    "steps": Named("ladderd_steps", "Events that the engine has stepped through."),
    "listings": Named("ladderd_listings", "Lists of resting orders read from the exchange."),
    "alerts": Named("ladderd_alerts", "Alerts raised."),
    "journal_records": Named("ladderd_journal_records", "Records handed to the journal."),
    "reconnects": Named("ladderd_reconnects", "Sockets opened again after a loss.", "socket"),
    "http_refused": Named("ladderd_http_refused", "HTTP requests that the guard refused, by reason.", "reason"),
    "requotes": Named(
        "ladderd_requotes", "Quotes cancelled because another price is wanted on their side; the new one follows."
    ),
}

REQUIRED: dict[str, Named] = {
    "starts": Named("agent_start", "1 in every process; a reset of the other counters with it is a restart."),
    "errors": Named("errors", "Errors that the daemon reported."),
    "ticks": Named("marketdata_ticks", "Valid index values received."),
    "stales": Named("marketdata_stale", "Times that market data went stale."),
    "strategy_cycles": Named("strategy_cycles", "Times that the quoter worked out what to rest."),
    "strategy_cycles_skipped": Named("strategy_cycles_skipped", "Times that it was held back by a closed gate."),
    "proposals": Named("order_proposals", "Orders that the quoter proposed."),
    "halts": Named("safety_halted", "Times that trading was halted for safety."),
}

HISTOGRAMS: dict[str, Named] = {
    "time_to_flat_s": Named(
        "ladderd_time_to_flat_seconds", "From the cause to an empty list at the exchange.", "trigger"
    ),
    "place_rtt_s": Named("ladderd_place_round_trip_seconds", "From writing a place to its answer."),
    "cancel_rtt_s": Named("ladderd_cancel_round_trip_seconds", "From writing a cancel to its answer."),
    "step_s": Named("ladderd_step_seconds", "One step of the engine."),
    "loop_lag_s": Named("ladderd_loop_lag_seconds", "How late the event loop ran a timer."),
    "feed_delivery_s": Named("ladderd_feed_delivery_seconds", "From the socket to the engine, one index frame."),
    "journal_fsync_s": Named("ladderd_journal_fsync_seconds", "One group commit of the journal."),
}

TICK_DURATION = Named("agent_tick_duration_seconds", "One step of the engine, under the name that dashboards expect.")
SAMPLES_SUFFIX = ":samples"
PROVEN_PREFIX = "proven:"
