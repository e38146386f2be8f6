from __future__ import annotations

import msgspec

from domain.clock import Now, utc_ms


def test_unix_milliseconds_are_cut_not_rounded() -> None:
    assert utc_ms(Now(0, 1_999_999)) == 1


def test_an_instant_is_two_numbers_in_the_journal() -> None:
    assert msgspec.json.encode(Now(1, 2)) == b"[1,2]"
