"""What `ladderd status` says of the limits on money."""

from __future__ import annotations

from ops.status import LimitView
from ops.status_text import limits_lines

ROW = {"name": "per_week", "words": "the week's loss", "used": "$3.00", "most": "$2500.00"}


def test_each_limit_is_a_line_and_one_that_is_passed_says_so() -> None:
    assert set(ROW) | {"share_ppm"} == set(LimitView.__struct_fields__)
    near, over = ROW | {"share_ppm": 1_200}, ROW | {"share_ppm": 1_000_001}
    assert limits_lines({"limits": [near, over]})[1:] == [
        "  per_week: $3.00 of $2500.00 (0 %), the week's loss",
        "  per_week: $3.00 of $2500.00 (PASSED), the week's loss",
    ]


def test_without_equity_there_is_no_limit_to_show_and_that_is_said() -> None:
    assert "has not been read" in limits_lines({"limits": []})[0]
