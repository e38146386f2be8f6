"""The marker's document fails closed."""

from __future__ import annotations

import pytest

from domain.errors import ConfigurationError
from journal.marker import Marker, checked_ident, last_asked_utc_ns, open_requests, parse_marker
from journal.record import canonical


def test_a_marker_reads_back_under_its_file_s_name() -> None:
    marker = Marker("a-1", 50, "operator", "drill", epoch=7)
    assert parse_marker(canonical(marker), "a-1", 99) == marker
    assert parse_marker(canonical(marker), "copied", 99).ident == "copied"


@pytest.mark.parametrize("text", [b"", b"\xff", b"{}", b"[]", b'{"ident": 1}', b'{"asked_utc_ns": "x"'])
def test_what_cannot_be_read_is_an_open_request(text: bytes) -> None:
    marker = parse_marker(text, "x", 99)
    assert (marker.done, marker.asked_utc_ns, marker.reason) == (False, 99, "unreadable")


@pytest.mark.parametrize("ident", ["", ".hidden", "a/b", "a b", "..", "x" * 121, "\u00fc", "a\n"])
def test_a_name_that_could_leave_the_folder_is_refused(ident: str) -> None:
    with pytest.raises(ConfigurationError):
        checked_ident(ident)


def test_the_tail_counts_from_the_latest_act() -> None:
    markers = (Marker("a", 50, "x", "y", done=True, done_utc_ns=70), Marker("b", 60, "x", "y"))
    assert last_asked_utc_ns(markers) == 70
    assert last_asked_utc_ns(()) == 0
    assert [marker.ident for marker in open_requests(markers)] == ["b"]
