"""The defects. Each is one line of somebody's tired evening."""

from __future__ import annotations

from daemon.engine.account import Account
from daemon.engine.answers.place_refusals import PlaceRefusals
from daemon.engine.answers.unexplained import Unexplained
from daemon.engine.desk import Desk
from domain.clock import NS_PER_S
from execution import flatten, orders, quoter
from execution.budget import Budget
from execution.flatten import Flattening
from execution.groups import Groups
from execution.orders import Fact, OrderStatus
from feeds.failover import DualFeedFailover
from guards.clock_trust import ClockTrust
from guards.freshness import FreshnessSentry
from guards.killswitch import KillLatch
from guards.message_age import MessageAges
from guards.values.canary import PrintCanary, Stillness
from ops.status import Status
from sim.planted.limits import LIMITS
from sim.planted.patches import (
    believing_reader,
    both_sides,
    careless_refusal,
    cell,
    chance,
    crossing,
    deaf_to_closes,
    deaf_to_fills,
    forget,
    late_edge,
    late_expiry,
    never_again,
    no_cancel_all_marker,
    no_redo,
    no_resume,
    no_wait_for_disk,
    one_trigger,
    only_yes_and_no,
    passes,
    takes_any_value,
    twice,
    unsigned_short,
    up_for_ever,
)
from sim.planted.plans import (
    ANSWERS_FAIL,
    CLOSED_EARLY,
    DAMAGED,
    DEATH,
    DEATH_PLACING,
    DOUBLE_FILLS,
    EDITED,
    FEED_DEAD,
    FILLS,
    INDICES_FROZEN,
    JUMPS,
    KILL_FILE,
    KILL_FILE_AND_DEATH,
    LATE_ANSWERS,
    LATE_FILLS,
    LOST_CANCELS,
    LOST_FILLS,
    LOST_TRIGGERS,
    ODD_SETTLEMENT,
    PAUSE_AND_DEATH,
    PAUSED,
    POOR,
    QUIET,
    REFUSED,
    REPLAYED,
    SILENT_INDEX,
    STRANGER,
    STRANGER_AFTER_PAUSE,
    STREAM_CUT,
    STREAM_GONE,
    STREAM_LATE,
    SWEPT,
    TERMINATED,
    WRONG_CLOCK,
    filling,
)
from sim.planted.run import Defect, Plan

CATALOGUE: tuple[Defect, ...] = (
    Defect(
        "freshness passes",
        "the sentry votes PASS whatever the age",
        SILENT_INDEX,
        ("cancel late", "place while stale in strict", "not flat in time"),
        lambda: [*passes(FreshnessSentry, "vote"), (FreshnessSentry, "next_deadline", lambda *_: None)],
    ),
    Defect(
        "window passes",
        "the window's vote never closes",
        QUIET,
        ("cancel late", "place outside its window", "not flat in time", "order without expiry"),
        lambda: passes(Desk, "window_vote"),
    ),
    Defect(
        "stillness passes",
        "an index that does not move is quoted on",
        INDICES_FROZEN,
        ("place while no index moves",),
        lambda: passes(Stillness, "vote"),
    ),
    Defect(
        "jumps pass",
        "a jump of the index is believed at once",
        JUMPS,
        ("place on a jump",),
        lambda: passes(PrintCanary, "vote"),
    ),
    Defect(
        "late books pass",
        "the age of the exchange's messages is not looked at",
        STREAM_LATE,
        ("place on a late book",),
        lambda: [(MessageAges, "observe", lambda *_, **__: False)],
    ),
    Defect(
        "scalar is never booked",
        "only yes and no are booked",
        ODD_SETTLEMENT,
        ("positions differ", "P&L differs from settlement"),
        only_yes_and_no,
    ),
    Defect(
        "kill passes",
        "the kill latch votes PASS",
        KILL_FILE,
        ("place after halt", "cancel late"),
        lambda: passes(KillLatch, "vote"),
    ),
    Defect(
        "clock passes",
        "a stepped clock is believed",
        WRONG_CLOCK,
        ("place by a wrong clock",),
        lambda: passes(ClockTrust, "vote"),
    ),
    Defect(
        "young absence buries",
        "a listing asked too early buries an order",
        LATE_ANSWERS,
        ("exchange's book not in ours", "two orders on one side"),
        lambda: [(orders, "SETTLE_MAX_NS", -3 * NS_PER_S)],
    ),
    Defect(
        "unknown place is gone",
        "a place without a sure answer is taken for refused",
        ANSWERS_FAIL,
        ("exchange's book not in ours",),
        lambda: cell(OrderStatus.PLACING, Fact.UNKNOWN, OrderStatus.GONE),
    ),
    Defect(
        "unproven cancel is gone",
        "a cancel's 404 or timeout is taken for done",
        LOST_CANCELS,
        ("exchange's book not in ours",),
        lambda: cell(OrderStatus.CANCELLING, Fact.CANCEL_UNPROVEN, OrderStatus.GONE),
    ),
    Defect("late expiry", "orders expire two seconds later", QUIET, ("order without expiry",), late_expiry),
    Defect(
        "not post-only", "the wire loses post_only", QUIET, ("order without post-only, group or pause flag",), crossing
    ),
    Defect(
        "no trigger",
        "groups are never triggered",
        QUIET,
        ("cancel late", "not flat in time", "calm window without quotes"),
        lambda: [(Groups, "trigger", lambda *_: False)],
    ),
    Defect(
        "no second trigger",
        "a lost trigger is not sent again",
        LOST_TRIGGERS,
        ("not flat in time", "cancel late"),
        one_trigger,
    ),
    Defect(
        "fill counts twice",
        "trade ids are not looked at",
        DOUBLE_FILLS,
        ("positions differ", "fills differ", "P&L differs from settlement"),
        twice,
    ),
    Defect(
        "short settles wrong",
        "what an ask earns is booked as paid",
        FILLS,
        ("P&L differs from settlement",),
        unsigned_short,
    ),
    Defect(
        "no limits",
        "risk refuses nothing and the desk sees room for ever",
        filling(per_market_contracts=1),
        ("limit exceeded",),
        careless_refusal,
    ),
    *LIMITS,
    Defect(
        "told is not held",
        "a fill that only an order's update told of is no exposure",
        LATE_FILLS,
        ("limit exceeded",),
        lambda: [(Account, "told", lambda *_: None)],
    ),
    Defect(
        "refused for ever",
        "a place that is refused is sent again without end",
        REFUSED,
        ("refused without end",),
        lambda: [(PlaceRefusals, "placed", lambda *_: ""), (PlaceRefusals, "holds", lambda *_: False)],
    ),
    Defect(
        "stranger ignored",
        "cancels that nobody of ours asked for are taken for granted",
        STRANGER,
        ("placed on against a stranger",),
        lambda: [(Unexplained, "_ended", lambda *_: None)],
    ),
    Defect(
        "ended at once is kept",
        "an order that ends as soon as it was placed, by another hand, is no refusal",
        STRANGER_AFTER_PAUSE,
        ("refused without end",),
        lambda: [(PlaceRefusals, "ended_at_once", lambda *_: "")],
    ),
    Defect("late edges", "phase edges are 80 ms late", QUIET, ("phase late or early",), late_edge),
    Defect(
        "no wait for the disk",
        "places leave before their record is durable",
        DEATH_PLACING,
        ("exchange's book not in ours",),
        no_wait_for_disk,
    ),
    Defect(
        "orders forgotten",
        "a restart forgets the live orders",
        DEATH,
        ("exchange's book not in ours",),
        lambda: forget("orders"),
    ),
    Defect(
        "positions forgotten",
        # The list of fills alone would bring them back: the two together hold the books.
        "a restart forgets positions and trades, and books none that is listed",
        DEATH,
        ("fills differ", "positions differ"),
        lambda: [*forget("ledger"), *deaf_to_fills()],
    ),
    Defect(
        "limits forgotten",
        "a restart begins a new day's limits",
        DEATH,
        ("limits forgotten by a restart",),
        lambda: forget("risk"),
    ),
    Defect(
        "kill forgotten",
        "a restart opens the kill latch",
        KILL_FILE_AND_DEATH,
        ("place after halt",),
        lambda: forget("kill"),
    ),
    Defect(
        "pause forgotten", "a restart lifts a pause", PAUSE_AND_DEATH, ("place after halt",), lambda: forget("paused")
    ),
    Defect(
        "tail forgotten",
        "what was placed after the snapshot is not entered",
        DEATH_PLACING,
        ("exchange's book not in ours",),
        no_redo,
    ),
    Defect(
        "no failover",
        "the feed believed is never changed",
        FEED_DEAD,
        ("stale feed kept",),
        lambda: [(DualFeedFailover, "_judge_hot", lambda *_: None)],
    ),
    Defect(
        "flat too soon",
        "one listing, however young, proves flat",
        TERMINATED,
        ("exit not flat", "exchange's book not in ours"),
        lambda: [
            (Flattening, "proof_ns", property(lambda _self: -2 * NS_PER_S)),
            (flatten, "EMPTIES_NEEDED", 1),
            (orders, "SETTLE_MAX_NS", -5 * NS_PER_S),
        ],
    ),
    Defect(
        "marker ignored",
        "another program's cancel-all is not seen",
        SWEPT,
        ("place in the tail of a cancel-all",),
        no_cancel_all_marker,
    ),
    Defect(
        "stream for ever up",
        "a lost private stream goes unnoticed",
        STREAM_GONE,
        ("place without private stream",),
        up_for_ever,
    ),
    Defect(
        "place beside unwanted",
        "a place goes out while the old order may live",
        QUIET,
        ("two orders on one side",),
        both_sides,
    ),
    Defect("chance in a step", "a step depends on more than its event", REPLAYED, ("replay differs",), chance),
    Defect(
        "always ready",
        "readiness says yes",
        KILL_FILE,
        ("ready while a gate is red",),
        lambda: [(Status, "ready", property(lambda _self: True))],
    ),
    Defect(
        "groups kept",
        "groups of past windows are not deleted",
        Plan(windows=6, window_s=30),
        ("group leaked", "tables without bound"),
        lambda: [(Groups, "tidy", lambda *_: None)],
    ),
    Defect(
        "no budget",
        "places are always affordable, and quotes restless",
        POOR,
        ("cancel starved of tokens",),
        lambda: [(Budget, "may_place", lambda *_: True), (quoter, "settle_on", lambda _order, price, *_: price)],
    ),
    Defect(
        "listed fills ignored",
        "fills come from the stream alone",
        LOST_FILLS,
        ("fills differ", "positions differ"),
        deaf_to_fills,
    ),
    Defect(
        "early close not heard",
        "a market that closes early is not listed again",
        CLOSED_EARLY,
        ("place in a closed market",),
        deaf_to_closes,
    ),
    Defect(
        "damage believed",
        "a record's own word is taken for its hash",
        DAMAGED,
        ("damaged journal believed",),
        believing_reader,
    ),
    Defect(
        "any value taken",
        "the values of the configuration are not checked",
        EDITED,
        ("bad start not refused",),
        takes_any_value,
    ),
    Defect(
        "stream never back",
        "a lost private stream is tried again after ten minutes",
        STREAM_CUT,
        ("quoting did not resume",),
        never_again,
    ),
    Defect(
        "resume not followed",
        "an operator's resume is heard and nothing happens",
        PAUSED,
        ("quoting did not resume",),
        no_resume,
    ),
)
