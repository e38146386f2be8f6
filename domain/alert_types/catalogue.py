"""Every alert that no record tells: those that leave a step, and those that the process raises by itself.

What a record tells is not told twice: `ops/alerts/recorded.py` says which records are alerts as well.
"""

from __future__ import annotations

from typing import Final, get_args

from domain.alert_types.alert import Alert, Severity, kind_of
from domain.alert_types.books import (
    CashMovedAlert,
    OrphanOrderAdoptedAlert,
    ReconcileDriftAlert,
    SettlementUnreadableAlert,
)
from domain.alert_types.exchange import (
    AnotherTraderAlert,
    CashShortAlert,
    ExchangeRefusesClockAlert,
    ExchangeRefusesKeyAlert,
    KeyRefusedAlert,
    ListBehindAlert,
    MarketRestrictedAlert,
    NeverAnsweredAlert,
    PlacesRefusedAlert,
    PrivateStreamDownAlert,
    UnexplainedCancelsAlert,
)
from domain.alert_types.feeds import (
    BadPrintAlert,
    BreakerTrippedAlert,
    FeedDivergenceOverAlert,
    FeedDownAlert,
    FeedQuarantinedAlert,
    FeedRefusedAlert,
    FeedsBackAlert,
    FeedsLostAlert,
    IndexFreshAlert,
    IndexStaleAlert,
    MarketHaltSuspectedAlert,
    ModelDoubtedAlert,
    VolatilityLevelAlert,
)
from domain.alert_types.process import (
    HealthCheckAlert,
    JobFailedAlert,
    JournalFaultAlert,
    PausedAlert,
    PreflightBlocksAlert,
)

AnyAlert = (
    AnotherTraderAlert
    | BadPrintAlert
    | BreakerTrippedAlert
    | CashMovedAlert
    | CashShortAlert
    | ExchangeRefusesClockAlert
    | ExchangeRefusesKeyAlert
    | FeedDivergenceOverAlert
    | FeedDownAlert
    | FeedQuarantinedAlert
    | FeedRefusedAlert
    | FeedsBackAlert
    | FeedsLostAlert
    | HealthCheckAlert
    | IndexFreshAlert
    | IndexStaleAlert
    | JobFailedAlert
    | JournalFaultAlert
    | KeyRefusedAlert
    | ListBehindAlert
    | MarketHaltSuspectedAlert
    | MarketRestrictedAlert
    | ModelDoubtedAlert
    | NeverAnsweredAlert
    | OrphanOrderAdoptedAlert
    | PausedAlert
    | PlacesRefusedAlert
    | PreflightBlocksAlert
    | PrivateStreamDownAlert
    | ReconcileDriftAlert
    | SettlementUnreadableAlert
    | UnexplainedCancelsAlert
    | VolatilityLevelAlert
)
ALERTS: Final[tuple[type[AnyAlert], ...]] = get_args(AnyAlert)
