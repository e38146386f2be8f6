"""The live proof of controls: on the real account, with one lot a cent from worthless, that the brakes hold.

Group created; an order placed into it far from the market, seen in the list, cancelled by its id, seen to leave; a
second one placed, its group triggered, seen to leave; group deleted. What was proven is written to `state/proofs.json`
as {control: Unix ns}, each control only after the exchange's own list showed it.
"""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from daemon.client.exchange_io import ExchangeClient, Unread
from daemon.preflight.order_drill_io import Trial, TrialError, find_market
from daemon.settings.files_io import PROOFS, read_proofs
from daemon.settings.tree import Settings
from domain.clock import Clock
from domain.errors import ConfigurationError, ProtocolError, UnavailableError
from domain.events import CancelOutcome, Verdict
from guards.vote import Vote
from journal.disk_io import Disk

CONTROLS: Final = ("order_group_create", "order_place", "order_cancel", "order_group_trigger", "order_group_delete")


class Proof:
    """One run of the proof. `lines` says what was done; `proven` which controls held."""

    def __init__(
        self, settings: Settings, line: ExchangeClient, clock: Clock, votes: tuple[tuple[str, Vote], ...]
    ) -> None:
        self._settings = settings
        self._line = line
        self._clock = clock
        self._votes = votes
        self.lines: list[str] = []
        self.proven: dict[str, int] = {}

    async def run(self) -> str:
        """Prove every control. Returns what went wrong, or nothing; what was proven until then is kept either way."""
        closed = [f"{name}: {vote.detail}" for name, vote in self._votes if not vote.open]
        if closed:
            return f"refused: {'; '.join(closed)}"
        try:
            problem = await self._prove()
        except (TrialError, UnavailableError, ProtocolError, Unread) as error:
            problem = str(error)
        if self.proven:
            await asyncio.to_thread(self._keep)
        return problem

    async def _prove(self) -> str:
        quote = await find_market(self._line, self._settings.windows.series)
        if quote is None:
            return "no active market near the money in which a bid of one cent cannot match"
        self.lines.append(f"{quote.market.ticker}, best offer {quote.ask}")
        trial = Trial(self._line, quote.market, self._votes)
        try:
            return await self._each(trial)
        finally:
            left = await trial.tidy()
            if left:
                self.lines.append(f"NOT tidied: {left}")

    async def _each(self, trial: Trial) -> str:
        await trial.create_group()
        self._proved("order_group_create", trial.group_id)
        order_id = await trial.rest()
        self._proved("order_place", f"{order_id} rests")
        since_ns = self._clock.now().mono_ns
        (outcome,) = (await trial.cancel(order_id)).outcomes
        assert isinstance(outcome, CancelOutcome)
        if outcome.verdict is not Verdict.ACCEPTED:
            return f"cancel by id: {outcome.verdict} (HTTP {outcome.http_status} {outcome.code} {outcome.detail})"
        gone = await trial.gone(order_id, since_ns)
        self._proved("order_cancel", f"gone from the list after {gone.first_ms} ms")
        order_id = await trial.rest()
        since_ns = self._clock.now().mono_ns
        await trial.trigger_group()
        gone = await trial.gone(order_id, since_ns)
        self._proved("order_group_trigger", f"gone from the list after {gone.first_ms} ms")
        await trial.delete_group()
        self._proved("order_group_delete", "removed")
        return ""

    def _proved(self, control: str, said: str) -> None:
        self.proven[control] = self._clock.now().utc_ns
        self.lines.append(f"{control}: {said}")

    def _keep(self) -> None:
        state_dir = self._settings.state_dir
        state_dir.mkdir(parents=True, exist_ok=True)
        try:
            before = read_proofs(state_dir)
        except ConfigurationError:
            before = {}
        Disk().replace(state_dir / PROOFS, msgspec.json.encode({**before, **self.proven}, order="sorted") + b"\n")
