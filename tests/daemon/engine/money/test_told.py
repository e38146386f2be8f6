"""Whatever risk decides by itself is one record, and one alert that the record tells."""

from __future__ import annotations

import pytest

from daemon.engine.money.told import told
from domain.reasons import RiskDecision, RiskLimit
from domain.records import payload_of
from guards.risk import Judgement
from tests.heard import heard


@pytest.mark.step("O14")
@pytest.mark.parametrize("limit", list(RiskLimit))
def test_one_record_and_one_alert_that_it_tells(limit: RiskLimit) -> None:
    record = told(Judgement(RiskDecision.SOFT_PAUSE, limit, "why"))
    assert (record.limit, record.approved, record.reason) == (limit, False, "why")
    [alert] = heard([record])
    assert (alert.severity, alert.payload) == ("critical", payload_of(record))
