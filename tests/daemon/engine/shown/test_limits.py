"""Every limit on money is on the page, with how much of it is used."""

from __future__ import annotations

import pytest

from daemon.engine.shown.limits import limits_of
from domain.clock import NS_PER_S
from domain.reasons import RiskLimit
from tests.daemon.stand import Stand


@pytest.mark.step("K18")
@pytest.mark.step("O13")
def test_every_limit_is_shown_with_what_is_used_of_it() -> None:
    stand = Stand()
    stand.quote_both()
    rows = {row.name: row for row in limits_of(stand.engine.state, stand.now())}
    assert set(rows) == {limit.value for limit in RiskLimit} - {"equity"}
    live = stand.exchange.resting()
    assert rows["markets"].used == f"{len({order.ticker for order in live})} markets"
    for used in ("per_order", "per_market", "per_window", "per_day", "per_week", "value_at_risk", "stress", "gross"):
        assert rows[used].share_ppm > 0, used
    assert rows["per_day"].most == "$1000.00"
    assert all(row.share_ppm < 1_000_000 and row.words for row in rows.values())


def test_before_the_equity_is_known_none_is() -> None:
    stand = Stand(begin=False)
    assert limits_of(stand.engine.state, stand.now()) == ()


def test_old_books_are_counted_in_an_open_window() -> None:
    stand = Stand()
    stand.quote_both()
    now = stand.now()
    later = type(now)(now.mono_ns + 90 * NS_PER_S, now.utc_ns + 90 * NS_PER_S)
    rows = {row.name: row for row in limits_of(stand.engine.state, later)}
    assert rows["snapshot_age"].share_ppm >= 750_000
