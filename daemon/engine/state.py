"""Everything that the daemon knows: its machines and its plain fields, in one place, without a decision.

`step.py`, `observe.py`, `operator_requests.py`, `drills/session.py`, `recovered_steps.py` and the restore of memory
write it. Everybody else reads.
"""

from __future__ import annotations

import datetime as dt

from daemon.engine.account import Account
from daemon.engine.announcer import Announcer
from daemon.engine.answers.close_outs import CloseOuts
from daemon.engine.answers.place_refusals import PlaceRefusals
from daemon.engine.answers.unexplained import Unexplained
from daemon.engine.books import Books
from daemon.engine.control_ages import Controls
from daemon.engine.desk import Desk
from daemon.engine.flat import Flat
from daemon.engine.holdings import Holdings
from daemon.engine.incidents.opened import Incidents
from daemon.engine.ladders import Ladders
from daemon.engine.money.marks import Marks
from daemon.engine.money.outlook import Outlook
from daemon.engine.parity.compare import Parity
from daemon.engine.results import Results
from daemon.engine.settings import EngineSettings
from domain.actions import AnyAction
from domain.clock import Now
from domain.events import FeedStatus, Started, Tick
from domain.market import SERIES
from domain.reasons import BY_ITSELF, Breach, GateStatus, Reason
from domain.records import BreachEntry
from domain.window import Phase
from feeds.failover import DualFeedFailover
from feeds.scores import Scores
from guards.clock_trust import ClockTrust
from guards.evidence.preflight import PreflightGuard
from guards.exchange import ExchangeGuard
from guards.freshness import FINAL
from guards.killswitch import KillLatch
from guards.limits.restricted import RestrictedList
from guards.message_age import MessageAges
from guards.model.breakers import Breakers
from guards.risk import RiskGuard
from guards.schedule import ScheduleGuard
from guards.stall import StallGuard
from guards.values.canary import Stillness
from guards.volatility import VolatilityLevel
from guards.vote import Vote


class State:
    """What one engine knows. Made once in a process, written in its steps alone."""

    def __init__(self, settings: EngineSettings) -> None:  # noqa: PLR0915  # long: what is known, a line for each
        self.settings = settings
        self.plan = settings.plan
        self.ages = MessageAges()
        self.still = Stillness(settings.canary)
        self.level = VolatilityLevel(settings.vix)
        self.restricted = RestrictedList()
        desks = (Desk(SERIES[name], settings, self.still) for name in settings.series)
        self.desks = {desk.series.name: desk for desk in desks}
        self.by_symbol = {desk.series.symbol: desk for desk in self.desks.values()}
        self.failover = DualFeedFailover(
            settings.primary,
            settings.secondary,
            settings.feed_mode,
            settings.failover,
            lambda now: self.plan.market_open(now.utc_ns),
            tuple(self.by_symbol),
            # A working socket is not given up for another index in a final minute.
            lambda _now: not any(desk.phase in FINAL for desk in self.desks.values()),
        )
        self.switches_seen = 0
        self.scores = Scores()
        self.session = ""
        self.day: dt.date | None = None
        self.last_now = Now(0, 0)
        self.clock_trust = ClockTrust()
        self.stall = StallGuard(settings.series)
        self.kill = KillLatch()
        self.exchange = ExchangeGuard()
        self.schedule = ScheduleGuard(settings.schedule)
        self.breakers = Breakers(settings.breakers)
        self.risk = RiskGuard(settings.risk)
        self.held = Holdings(exclusive=settings.exclusive, contracts_limit=settings.risk.per_window_contracts)
        self.parity = Parity(self.held, settings.reconcile)
        self.account = Account(self.held, self.parity)
        self.flat = Flat(self.held)
        self.books = Books(self.held, self.parity, self.account, self.flat)
        self.results = Results(settings, self.held, self.parity, self.account, self.books)
        self.outlook = Outlook(self.desks, settings.risk)
        self.marks = Marks(self.desks, self.held, self.results)
        self.refused = PlaceRefusals(self.held, self.desks)
        self.unexplained = Unexplained(self.held, self._trades)
        self.ladders = Ladders(settings, self.held, self.account, self.results, self.desks)
        self.evidence = PreflightGuard(settings.preflight, hurried=settings.hurried)
        self.controls = Controls(settings.controls, hurried=settings.hurried, live=settings.live)
        self.close_outs = CloseOuts()
        self.started: Started | None = None
        self.stream_up, self.stream_reason = False, "not connected yet"
        self.paused, self.resumed_utc_ns = "", 0
        self.armed_session, self.armed_for = "", ("", "")  # the day; configuration and build that were armed
        self.journal_fault = ""
        self.stopping: Reason | None = None
        self.stop_asked_ns = 0
        self.gates: dict[str, list[tuple[str, Vote]]] = {}
        self.account_votes: list[tuple[str, Vote]] = []
        self.account_votes_until_ns = 0
        self.closed: dict[str, tuple[Reason, ...]] = {}
        self.housekeeping_ns = 0
        self.newest: dict[tuple[str, str], Tick] = {}
        self.fee_file = settings.fees.path.rpartition("/")[2] if settings.fees else "unreadable"
        self.index_expected = False
        self.feed_states: dict[str, FeedStatus] = {}
        self.announcer = Announcer(settings.plan)
        self.incidents = Incidents()

    def _trades(self, now: Now) -> bool:
        """Whether nothing that the exchange told says that it stands still now."""
        votes = self.exchange.vote(now), self.schedule.vote(now)
        return all(vote.status is not GateStatus.FAIL for vote in votes)

    def pause(self, breach: Breach, why: str, out: list[AnyAction]) -> None:
        """Stop quoting until an operator resumes; the first reason is kept, and each kind of breach is told once."""
        if not self.incidents.has_open(breach):
            out.append(BreachEntry(breach, why))
        self.paused = self.paused or f"{BY_ITSELF}{why}"
        self.account_votes_until_ns = 0

    @property
    def empty_reason(self) -> str:
        """Why the account is being emptied by cancel-all, or nothing."""
        return self.held.cancel_all.reason

    @property
    def in_window(self) -> bool:
        """Whether any window is open or about to be."""
        return any(desk.phase is not Phase.CLOSED for desk in self.desks.values())
