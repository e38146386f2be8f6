"""Whatever risk decides by itself is one record and one alert that holds it."""

from __future__ import annotations

import pytest

from daemon.engine.money.told import told
from domain.actions import Alert
from domain.reasons import RiskDecision, RiskLimit
from domain.records import RiskDecisionEntry, payload_of
from guards.risk import Judgement


@pytest.mark.step("O14")
@pytest.mark.parametrize("limit", list(RiskLimit))
def test_one_record_and_one_alert_that_holds_it(limit: RiskLimit) -> None:
    record, alert = told(Judgement(RiskDecision.SOFT_PAUSE, limit, "why"))
    assert isinstance(record, RiskDecisionEntry)
    assert (record.limit, record.approved, record.reason) == (limit, False, "why")
    assert isinstance(alert, Alert)
    assert (alert.severity, alert.payload) == ("critical", payload_of(record))
