from __future__ import annotations

from ops.words import age_text, cash_text, cents_text, count_text, points_text, span_text, strike_text


def test_texts() -> None:
    assert (span_text(298.29), span_text(0.05), span_text(-1.25)) == ("04:58.2", "00:00.0", "-00:01.2")
    assert (age_text(None), age_text(0.314), age_text(65.2)) == ("never", "0.31 s", "65 s")
    assert (cents_text(None), cents_text(6240), cents_text(6241)) == ("", "62.4", "62.41")
    assert (cash_text(None), cash_text(-1_240_000), cash_text(1_234_560_000)) == ("-", "-$1.24", "$1,234.56")
    assert (count_text(0), count_text(500), count_text(-150)) == ("0", "+5", "-1.5")
    assert (points_text(None), points_text(6_797_310_000)) == ("-", "6,797.31")
    assert (strike_text(None), strike_text(6_680_000_000), strike_text(6_679_999_900)) == ("?", "6,680", "6,679.9999")
