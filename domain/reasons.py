# long: the closed lists of reasons, each with its words; splitting them would hide that they are closed
"""The closed list of why nothing may be quoted, and of who or what asked for a cancel; and its words.

Each reason stands beside its sentence, what to do about it, and the runbook section that says more.
"""

from __future__ import annotations

import enum

import msgspec

RUNBOOK = "runbooks/gates.md"
# How the cause of a pause begins that no operator asked for.
BY_ITSELF = "by itself: "


class Reason(enum.StrEnum):
    """Why the gate is closed, or why orders were cancelled. The texts are part of the contract."""

    SERIES_HOURLY_ROLL = "u_series_hourly_roll"
    T_MINUS_2S = "scheduler_t_minus_2s"
    KILL_SWITCH = "kill_switch_engaged"
    QUALITY_GATE = "quality_gate_no_go"
    WS_STALE = "polygon_ws_stale"
    FINAL_MINUTE_STALE = "polygon_ws_final_minute_stale"
    FRESHNESS_MISSING = "freshness_missing"
    FEED_DIVERGENCE = "feed_divergence"
    FEED_STUCK = "feed_stuck"
    BAD_PRINT = "bad_print"
    FIRST_VALUES = "first_values"
    INDICES_STILL = "indices_still"
    CLOCK_UNTRUSTED = "clock_untrusted"
    LOOP_STALL = "loop_stall"
    BOOK_STALE = "book_stale"
    PRIVATE_STREAM_DOWN = "private_stream_down"
    MESSAGES_LATE = "messages_late"
    ORDER_GROUP_LOST = "order_group_lost"
    EXCHANGE_PAUSED = "exchange_paused"
    RISK_LIMIT = "risk_limit"
    KALSHI_MAINTENANCE = "kalshi_maintenance"
    SCHEDULE_UNKNOWN = "schedule_unknown"
    OPERATOR_SIGUSR1 = "operator_sigusr1"
    OPERATOR_CLI = "operator_cli"
    OPERATOR_HTTP = "operator_http"
    WATCHER = "watcher"
    EARLIER_RUN = "earlier_run"
    SHUTDOWN = "shutdown"
    RECONCILE_DRIFT = "reconcile_drift"
    CANCEL_ALL_ACTIVE = "cancel_all_active"
    CANCEL_ALL_TAIL = "cancel_all_tail"
    # refusals to quote that never need a cancel of their own: the set of orders is already empty
    WINDOW_CLOSED = "window_closed"
    STRICT_STAND_DOWN = "strict_stand_down"
    FEES_UNKNOWN = "fees_unknown"
    MARKETS_UNKNOWN = "markets_unknown"
    VOLATILITY_UNKNOWN = "volatility_unknown"
    RESTRICTIONS_UNKNOWN = "restrictions_unknown"
    TACTIC_RESTRICTED = "tactic_restricted"
    VIX_UNKNOWN = "vix_unknown"
    VIX_TOO_HIGH = "vix_too_high"
    LIMITS_UNKNOWN = "limits_unknown"
    NOT_RECONCILED = "not_reconciled"
    PAUSED = "paused"
    NOT_ARMED = "not_armed"
    EXECUTION_DISABLED = "execution_disabled"
    JOURNAL_FAULT = "journal_fault"
    REQUOTE = "requote"
    DRILL = "drill"
    KEY_REFUSED = "key_refused"
    PROOF_TOO_OLD = "proof_too_old"
    BREAKER_TRIPPED = "breaker_tripped"
    NO_EVIDENCE = "no_evidence"


class GateStatus(enum.StrEnum):
    """What a guard says. Only PASS lets orders out; NOT_CONFIGURED is a guard that the configuration leaves out."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"
    NOT_CONFIGURED = "NOT_CONFIGURED"


class Advice(msgspec.Struct, frozen=True):
    """A reason in words: what is so, what to do about it, and the section of the runbook (`file#section`)."""

    sentence: str
    todo: str
    runbook: str


_NOTHING = "nothing to do"
_RESUME = "when it is over: ladderd resume --by NAME --cause TEXT"
_ADVICE: dict[Reason, tuple[str, str, str]] = {
    Reason.SERIES_HOURLY_ROLL: ("the hourly ladder rolls to its next window", _NOTHING, "window"),
    Reason.T_MINUS_2S: ("the window has ended for us: the book must read zero at the freeze", _NOTHING, "window"),
    Reason.WINDOW_CLOSED: ("no window is open", "nothing to do; the countdown shows the next one", "window"),
    Reason.STRICT_STAND_DOWN: (
        "planned: the feed is too slow for the final minute's limit, so this minute stays flat",
        _NOTHING,
        "stand-down",
    ),
    Reason.KILL_SWITCH: (
        "the kill switch is on, or cannot be read",
        "find who set it and why; remove it; then ladderd resume --by NAME --cause TEXT",
        "kill-switch",
    ),
    Reason.BREAKER_TRIPPED: (
        "our own settled windows speak against the model",
        "ladderd breakers says which; find the cause, then ladderd resume --by NAME --cause TEXT",
        "breakers",
    ),
    Reason.QUALITY_GATE: ("a guard gives no evidence", "read the daemon's log; ladderd preflight", "no-evidence"),
    Reason.WS_STALE: (
        "the index value is older than its limit",
        "quotes are pulled; look at the feeds; quoting resumes with the next fresh values",
        "index-stale",
    ),
    Reason.FINAL_MINUTE_STALE: (
        "the index was too old in the final minute: this window stays flat",
        "compare both feeds; a second time freezes the session until ladderd resume",
        "index-stale",
    ),
    Reason.FRESHNESS_MISSING: ("no index value has been seen yet", "look at the feeds", "index-stale"),
    Reason.FEED_DIVERGENCE: (
        "the two feeds disagree about the index",
        "compare with a third source; quoting resumes when they agree",
        "feeds-disagree",
    ),
    Reason.FEED_STUCK: (
        "the index stands still: it repeats one value, or sends none",
        "look at the feed's vendor; compare the feeds",
        "feeds-disagree",
    ),
    Reason.BAD_PRINT: (
        "the index jumped: it is not believed before two values agree",
        "nothing to do; more than three such moves keep the window flat",
        "odd-values",
    ),
    Reason.FIRST_VALUES: (
        "too few values of the index have been seen since the session or the connection began",
        _NOTHING,
        "odd-values",
    ),
    Reason.INDICES_STILL: (
        "no index has changed for seconds: the market, or its source, may be halted",
        "look at the exchanges' halts; quoting resumes when each index has moved twice",
        "odd-values",
    ),
    Reason.RESTRICTIONS_UNKNOWN: (
        "the restricted list is not known: its file cannot be read",
        "mend configs/restricted.toml; the detail names the line",
        "restricted",
    ),
    Reason.TACTIC_RESTRICTED: (
        "the restricted list forbids quoting",
        "take the tactic out of the list when it may be used again",
        "restricted",
    ),
    Reason.VIX_UNKNOWN: (
        "the market's volatility (I:VIX) is not known, or too old",
        "ladderd vix; look at the feeds and the plan's rights; vix.enabled = false leaves it out",
        "vix",
    ),
    Reason.VIX_TOO_HIGH: (
        "the market's volatility (I:VIX) is too high to quote",
        "nothing to do; quoting resumes when it has come down",
        "vix",
    ),
    Reason.CLOCK_UNTRUSTED: (
        "this machine's clock is not known well enough against the exchange's",
        "look at NTP; quoting resumes when the offset is known again",
        "clock",
    ),
    Reason.LOOP_STALL: (
        "the daemon did not run for a moment, so arrival times are not believed",
        "look at the machine's load; it heals with the next agreeing value",
        "clock",
    ),
    Reason.BOOK_STALE: ("no order book near the money is current", "look at the exchange's stream", "exchange-data"),
    Reason.PRIVATE_STREAM_DOWN: (
        "the exchange's stream of our own orders is down",
        "it reconnects by itself; if it does not, look at the exchange's status",
        "exchange-data",
    ),
    Reason.MESSAGES_LATE: (
        "the exchange's news of our fills or orders comes seconds late",
        "look at the exchange's status and at the network; quoting resumes when news is timely again",
        "exchange-data",
    ),
    Reason.ORDER_GROUP_LOST: (
        "an order group was triggered by its limit or by somebody else",
        "look at the fills of the last 15 s; quoting goes on in a new group",
        "exchange-data",
    ),
    Reason.EXCHANGE_PAUSED: (
        "the exchange does not trade, or its status is not known",
        "look at its status page; quoting resumes with the next good status",
        "exchange-closed",
    ),
    Reason.KALSHI_MAINTENANCE: (
        "the exchange is closed, or closes within a minute, by its own schedule",
        _NOTHING,
        "exchange-closed",
    ),
    Reason.SCHEDULE_UNKNOWN: (
        "the exchange's schedule is not known, or was read too long ago",
        "read the log for why it could not be read; quoting resumes with the next one that can",
        "exchange-closed",
    ),
    Reason.RISK_LIMIT: (
        "a risk limit is reached, or the session's equity is not known",
        "read the day's report; then ladderd resume --by NAME --cause TEXT",
        "risk",
    ),
    Reason.OPERATOR_SIGUSR1: (
        "an operator asked for cancel-all by signal",
        "ladderd resume when it is over",
        "cancel-all",
    ),
    Reason.OPERATOR_CLI: ("an operator asked for cancel-all", _RESUME, "cancel-all"),
    Reason.OPERATOR_HTTP: (
        "an operator asked for cancel-all over HTTP",
        "ladderd resume when it is over",
        "cancel-all",
    ),
    Reason.WATCHER: (
        "the watcher emptied the account because the daemon made no progress",
        "find out what stopped it: load, disk, log",
        "cancel-all",
    ),
    Reason.EARLIER_RUN: ("the run before asked for a cancel-all as it ended", "wait for the tail", "cancel-all"),
    Reason.CANCEL_ALL_ACTIVE: ("a cancel-all is under way", "wait until it reads flat", "cancel-all"),
    Reason.CANCEL_ALL_TAIL: (
        "the exchange may kill new orders for a minute after a cancel-all",
        "wait for the tail to pass",
        "cancel-all",
    ),
    Reason.SHUTDOWN: ("the daemon is stopping", "wait until it says that it is flat", "stopping"),
    Reason.RECONCILE_DRIFT: (
        "our books and the exchange's disagree",
        "ladderd reconcile --full shows where; do not resume before it is understood",
        "reconciliation",
    ),
    Reason.NOT_RECONCILED: (
        "the exchange's books have not been read since the start or the last reconnect",
        "wait some seconds; if it stays, look at the exchange's REST answers in the log",
        "reconciliation",
    ),
    Reason.FEES_UNKNOWN: (
        "the fee terms are unread, or not what the fee file says",
        "compare configs/fees.json with the exchange's schedule",
        "not-known-yet",
    ),
    Reason.MARKETS_UNKNOWN: (
        "the exchange has not listed this window's markets to us yet",
        "wait; if the window is open, look at the exchange's status",
        "not-known-yet",
    ),
    Reason.VOLATILITY_UNKNOWN: ("today's volatility is not known yet", "wait for index values", "not-known-yet"),
    Reason.LIMITS_UNKNOWN: ("the exchange's rate limits are not read yet", "wait some seconds", "not-known-yet"),
    Reason.EXECUTION_DISABLED: (
        "quoting is switched off in the configuration",
        "set quoting.enabled to true and start the daemon again",
        "paused",
    ),
    Reason.PAUSED: ("quoting is paused", "to go on: ladderd resume --by NAME --cause TEXT", "paused"),
    Reason.NOT_ARMED: (
        "live trading is not armed for this session",
        "ladderd preflight, then ladderd arm --by NAME --cause TEXT",
        "armed",
    ),
    Reason.JOURNAL_FAULT: (
        "the journal cannot be written",
        "free or mend the disk, ladderd verify, then start again",
        "journal",
    ),
    Reason.PROOF_TOO_OLD: (
        "a control has not been proven lately",
        "wait: it is drilled by itself between windows",
        "proofs",
    ),
    Reason.NO_EVIDENCE: (
        "no preflight of this configuration and build has passed lately",
        "mend what it names: ladderd preflight; the daemon looks again by itself, or at once: ladderd preflight --ask",
        "evidence",
    ),
    Reason.KEY_REFUSED: (
        "the exchange refuses our key, and a cancel with it",
        "look at the exchange's page whether orders rest; mend the key; then ladderd resume --by NAME --cause TEXT",
        "cancel-all",
    ),
    Reason.DRILL: ("a control is being drilled", _NOTHING, "proofs"),
    Reason.REQUOTE: ("an order was replaced by a better priced one", _NOTHING, "rungs"),
}


def advice(reason: Reason) -> Advice:
    """The words for a reason. Every reason has them."""
    sentence, todo, section = _ADVICE[reason]
    return Advice(sentence, todo, f"{RUNBOOK}#{section}")


class RungReason(enum.StrEnum):
    """Why one side of one rung is not quoted. A closed list; the gate's own reasons stand in `Reason`."""

    GATE_CLOSED = "gate_closed"
    NOT_PRICED = "not_priced"
    NO_BOOK = "no_book"
    FAR_FROM_MONEY = "far_from_money"
    OTHERS_NEARER = "others_nearer"
    MARKETS_LIMIT = "markets_limit"
    MARKET_LIMIT = "market_limit"
    WINDOW_LIMIT = "window_limit"
    SIGNALS_LIMIT = "signals_limit"
    RISK_REFUSED = "risk_refused"
    EDGE_TOO_SMALL = "edge_too_small"
    SCORE_TOO_LOW = "score_too_low"
    COOLING = "cooling"
    RESTRICTED = "restricted"
    VETOED = "vetoed"
    FRACTION = "fraction"
    WAITS_TO_SEND = "waits_to_send"
    TOO_LATE = "too_late"


_RUNG_ADVICE: dict[RungReason, tuple[str, str]] = {
    RungReason.GATE_CLOSED: ("gate", "the gate of this series is closed"),
    RungReason.NOT_PRICED: ("no price", "no fair value: index or volatility is not known"),
    RungReason.NO_BOOK: ("no book", "the order book of this rung is not current, or is not followed"),
    RungReason.FAR_FROM_MONEY: ("far", "too far from the money: the fair value is outside the range that is quoted"),
    RungReason.OTHERS_NEARER: ("others", "other rungs are nearer the money; only so many are quoted"),
    RungReason.MARKETS_LIMIT: ("markets", "as many markets are in use as may be; this is none of them"),
    RungReason.MARKET_LIMIT: ("full", "one more order could pass the limit of this market"),
    RungReason.WINDOW_LIMIT: ("window", "one more order could pass the limit of this window"),
    RungReason.SIGNALS_LIMIT: ("signals", "as many markets were taken up today as may be; this is none of them"),
    RungReason.RISK_REFUSED: ("risk", "the risk guard refuses the order"),
    RungReason.EDGE_TOO_SMALL: ("edge", "no valid price leaves the edge that is asked for"),
    RungReason.SCORE_TOO_LOW: ("score", "the edge over the doubt of our own fair value is below the least score"),
    RungReason.COOLING: ("cooling", "the exchange refused an order here a moment ago"),
    RungReason.RESTRICTED: ("key", "the exchange does not let our key trade this market today"),
    RungReason.VETOED: ("veto", "the restricted list names this market, its event or its series"),
    RungReason.FRACTION: ("fraction", "the size left is a fraction of a contract, and only whole ones may be sent"),
    RungReason.WAITS_TO_SEND: ("waits", "waits for an order group or for write tokens"),
    RungReason.TOO_LATE: ("late", "too near the window's next edge to place anything"),
}


def rung_advice(reason: RungReason) -> tuple[str, str]:
    """One word for a narrow column, and a sentence."""
    return _RUNG_ADVICE[reason]


class Topic(enum.StrEnum):
    """Which part of the daemon closed the kill switch by itself; an operator, a file or a setting has no topic."""

    RISK = "risk.kill_switch"
    COMPLIANCE = "compliance.kill_switch"
    RUNTIME = "runtime.kill_switch"


class Breach(enum.StrEnum):
    """What opens an incident: trading has stopped, and a person must look before it goes on."""

    KILL_SWITCH = "kill_switch"
    RISK_HALT = "risk_halt"
    COMPLIANCE_HALT = "compliance_halt"
    RUNTIME_HALT = "runtime_halt"
    RISK_LIMIT = "risk_limit"
    ANOTHER_TRADER = "another_trader"
    UNEXPLAINED_CANCELS = "unexplained_cancels"
    PLACES_REFUSED = "places_refused"
    KEY_REFUSED = "key_refused"
    BREAKER_TRIPPED = "breaker_tripped"


class VixBand(enum.StrEnum):
    """What the level of I:VIX amounts to."""

    LEFT_OUT = "not_configured"
    UNKNOWN = "unknown"
    NORMAL = "normal"
    WATCH = "watch"
    HALF = "half"
    STOP = "stop"


class RiskDecision(enum.StrEnum):
    """What the daily loss asks for."""

    ALLOW = "allow"
    SOFT_PAUSE = "soft_pause"
    REDUCE = "reduce"
    HARD_STOP = "hard_stop"


class RiskLimit(enum.StrEnum):
    """Every limit on money at risk. What refuses an order, pauses or stops is named by one of these."""

    PER_ORDER = "per_order"
    PER_MARKET = "per_market"
    PER_WINDOW = "per_window"
    MARKETS = "markets"
    SIGNALS = "signals"
    JOINT_DELTA = "joint_delta"
    PER_DAY = "per_day"
    PER_WEEK = "per_week"
    EVENT_SHARE = "event_share"
    SERIES_SHARE = "series_share"
    DAY_ROOM = "day_room"
    VALUE_AT_RISK = "value_at_risk"
    STRESS = "stress"
    CASH = "cash"
    EQUITY = "equity"
    EVENT_LOSS = "event_loss"
    DAY_LOSS = "day_loss"
    NET = "net"
    GROSS = "gross"
    CONCENTRATION = "concentration"
    SNAPSHOT_AGE = "snapshot_age"


_LIMIT_WORDS: dict[RiskLimit, str] = {
    RiskLimit.PER_ORDER: "the most that one order can lose",
    RiskLimit.PER_MARKET: "contracts net in one market, all that may be live filled",
    RiskLimit.PER_WINDOW: "contracts net in one window, all that may be live filled",
    RiskLimit.MARKETS: "markets that hold something, or may by an order",
    RiskLimit.SIGNALS: "markets taken up in this session, each by its first order",
    RiskLimit.JOINT_DELTA: "contracts that lose together when both indices move one way, as if at the money",
    RiskLimit.PER_DAY: "the day's realised loss and the worst case of what is open",
    RiskLimit.PER_WEEK: "the week's realised loss and the worst case of what is open",
    RiskLimit.EVENT_SHARE: "one event's worst case, against its share of the day's budget",
    RiskLimit.SERIES_SHARE: "one series' worst case, against its share of the day's budget",
    RiskLimit.DAY_ROOM: "the same against the share of equity at which quoting pauses",
    RiskLimit.VALUE_AT_RISK: "what is lost at most in 99 of 100 outcomes of both ladders",
    RiskLimit.STRESS: "what is lost if both indices move far at once",
    RiskLimit.CASH: "what all orders together may take out of the cash",
    RiskLimit.EQUITY: "the session's equity is known",
    RiskLimit.EVENT_LOSS: "the marked loss of one event",
    RiskLimit.DAY_LOSS: "the day's realised and marked loss",
    RiskLimit.NET: "dollars of contracts long less short",
    RiskLimit.GROSS: "dollars of contracts held, long and short",
    RiskLimit.CONCENTRATION: "the worst case of the largest event over all that is held",
    RiskLimit.SNAPSHOT_AGE: "since the exchange's books were last read",
}


def limit_words(limit: RiskLimit) -> str:
    """What is measured against a limit, in a few words."""
    return _LIMIT_WORDS[limit]
