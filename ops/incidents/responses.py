"""For every breach: who owns it, what to do first, and where the runbook says more. Pure.

An owner is a part somebody plays; who plays it now stands in `incidents.on_call` of the configuration.
"""

from __future__ import annotations

from typing import Final

import msgspec

from domain.reasons import Breach

RUNBOOK: Final = "docs/runbooks/alerts.md"


class IncidentResponse(msgspec.Struct, frozen=True):
    """Who owns an incident, what he does, and the runbook's section."""

    owner: str
    action: str
    runbook: str


_RESPONSES: Final[dict[Breach, IncidentResponse]] = {
    Breach.KILL_SWITCH: IncidentResponse(
        "operations",
        "find what closed the kill switch and end it; see that the exchange's own page shows no order of ours",
        f"{RUNBOOK}#kill_switch",
    ),
    Breach.RISK_HALT: IncidentResponse(
        "risk",
        "the session is over: read the day's report and the figures below before anybody resumes",
        f"{RUNBOOK}#kill_switch",
    ),
    Breach.COMPLIANCE_HALT: IncidentResponse(
        "compliance",
        "keep the journal; find out how what must not happen came about, before anybody resumes",
        f"{RUNBOOK}#taker_fill",
    ),
    Breach.RUNTIME_HALT: IncidentResponse(
        "operations",
        "find out who set this machine's clock, or what held the process; see `ladderd doctor`",
        f"{RUNBOOK}#kill_switch",
    ),
    Breach.RISK_LIMIT: IncidentResponse(
        "risk",
        "read the day's report and the figures below; decide whether the session is over",
        f"{RUNBOOK}#daily_loss",
    ),
    Breach.ANOTHER_TRADER: IncidentResponse(
        "compliance",
        "find who else trades this account and end it, or declare the account as not exclusive",
        f"{RUNBOOK}#another_trader",
    ),
    Breach.UNEXPLAINED_CANCELS: IncidentResponse(
        "operations",
        "ask the exchange who cancelled these orders, and why",
        f"{RUNBOOK}#unexplained_cancels",
    ),
    Breach.PLACES_REFUSED: IncidentResponse(
        "operations",
        "find in the exchange's list of errors what it refuses, and mend the cause",
        f"{RUNBOOK}#places_refused",
    ),
    Breach.BREAKER_TRIPPED: IncidentResponse(
        "risk",
        "find out whether the model, the index or the market has changed, before anything is quoted again",
        f"{RUNBOOK}#breaker_tripped",
    ),
    Breach.KEY_REFUSED: IncidentResponse(
        "operations",
        "see on the exchange's page whether orders of ours rest; replace or unlock the key",
        f"{RUNBOOK}#key_refused",
    ),
}
RESUME: Final = "ladderd resume --by NAME --cause TEXT"


def response_of(breach: Breach) -> IncidentResponse:
    """The response of a breach. Every breach has one."""
    return _RESPONSES[breach]
