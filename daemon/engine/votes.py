"""The account's votes: everything that closes the gate of every series at once."""

from __future__ import annotations

from daemon.engine.state_view import StateView
from domain.clock import NS_PER_MS, NS_PER_S, Now
from domain.reasons import Reason
from guards.evidence.controls import CANCEL_ALL, GROUP_TRIGGER
from guards.message_age import CHANNELS
from guards.vote import NOT_CONFIGURED, PASS, Vote, fail, unknown

VOTES_HOLD_NS = 300 * NS_PER_MS


def account_votes(state: StateView, now: Now) -> list[tuple[str, Vote]]:
    """Every vote about the account, in the order in which a closed gate names its reasons."""
    held, drift = state.held, state.books.drift
    stop = fail(Reason.SHUTDOWN, f"{state.stopping}") if state.stopping else PASS
    journal = fail(Reason.JOURNAL_FAULT, state.journal_fault) if state.journal_fault else PASS
    pause = fail(Reason.PAUSED, state.paused) if state.paused else PASS
    unarmed = fail(Reason.NOT_ARMED, "live and not armed: ladderd arm --by --cause")
    armed = PASS if state.armed_session == state.session else unarmed
    active = fail(Reason.CANCEL_ALL_ACTIVE, state.empty_reason) if state.empty_reason else PASS
    tail_ns = held.tail_until_utc_ns - now.utc_ns
    tail = fail(Reason.CANCEL_ALL_TAIL, f"{tail_ns / NS_PER_S:.0f} s left") if tail_ns > 0 else PASS
    stream = PASS if state.stream_up else fail(Reason.PRIVATE_STREAM_DOWN, state.stream_reason)
    if drift:
        books = fail(Reason.RECONCILE_DRIFT, drift)
    else:
        books = PASS if state.books.recovered else unknown(Reason.NOT_RECONCILED, "books of record not read yet")
        if held.strangers.unclaimed:
            books = unknown(Reason.NOT_RECONCILED, "a fill whose order is not known: the list of orders is asked")
    limits = PASS if held.budget.known else unknown(Reason.LIMITS_UNKNOWN, "rate limits not read yet")
    return [
        ("kill_switch", state.kill.vote(now)),
        ("shutdown", stop),
        ("journal", journal),
        ("pause", pause),
        ("execution", state.settings.execution_vote()),
        ("armed", armed if state.settings.live else NOT_CONFIGURED),
        ("cancel_all", active),
        ("cancel_all_tail", tail),
        ("clock", state.clock_trust.vote(now)),
        ("exchange", state.exchange.vote(now)),
        ("schedule", state.schedule.vote(now)),
        ("private_stream", stream),
        *((f"{channel}_age", state.ages.vote(channel, now)) for channel in CHANNELS),
        ("reconciliation", books),
        ("limits", limits),
        ("restricted", state.restricted.vote(now)),
        ("vix", state.level.vote(now)),
        ("breakers", state.breakers.vote()),
        ("risk", state.risk.vote(held, now)),
        (f"proof_{GROUP_TRIGGER}", state.controls.vote(GROUP_TRIGGER, now)),
        (f"proof_{CANCEL_ALL}", state.controls.vote(CANCEL_ALL, now)),
        ("controls", state.controls.together(now)),
    ]


def votes_hold_ns(state: StateView, now: Now) -> int:
    """Until when the account's votes stand, if nothing but market data comes in: none of it moves them."""
    turns = (
        state.clock_trust.next_deadline(now),
        state.exchange.next_deadline(now),
        state.schedule.next_deadline(now),
        state.ages.next_deadline(now),
        now.mono_ns + state.held.tail_until_utc_ns - now.utc_ns,
        now.mono_ns + VOTES_HOLD_NS,
    )
    return min(at for at in turns if at is not None and at > now.mono_ns)
