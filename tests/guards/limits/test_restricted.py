"""The restricted list: what it names is not traded, and what cannot be read is no permission."""

from __future__ import annotations

import pytest

from domain.errors import ConfigurationError
from domain.events import RestrictedRead
from domain.reasons import GateStatus
from guards.limits.restricted import RESTRICTED_BYTES_MAX, RestrictedList, parse_restricted
from tests.guards.made import at


@pytest.mark.step("G06")
def test_closed_when_it_knows_nothing_or_cannot_be_read() -> None:
    guard = RestrictedList()
    assert guard.vote(at(0)).status is GateStatus.UNKNOWN
    guard.observe(RestrictedRead(problem="r.toml:3: broken"))
    vote = guard.vote(at(0))
    assert (vote.status, vote.detail) == (GateStatus.UNKNOWN, "r.toml:3: broken")
    guard.observe(RestrictedRead(tactics=("quoting",)))
    assert guard.vote(at(0)).status is GateStatus.FAIL
    guard.observe(RestrictedRead())
    assert guard.vote(at(0)).open


def test_names_in_any_case_and_any_list() -> None:
    read = parse_restricted('markets = [" kxinxu-a-t1 "]\nseries = ["inxu"]\ntactics = ["Quoting"]', "r.toml")
    assert read == RestrictedRead(("INXU", "KXINXU-A-T1"), ("quoting",))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("markets = [}", "r.toml: .*line 1"),
        ("\nmarket = []", "r.toml:2: market: no such list"),
        ("markets = [1]", "r.toml:1: markets: must be a list of names"),
        ('events = [""]', "r.toml:1: events: must be a list of names"),
        (f"markets = {'[' * 5_000}", "r.toml: .*write lists like"),
        (f"markets = [{'1' * 5_000}]", "r.toml: .*write lists like"),
        ("#" * (RESTRICTED_BYTES_MAX + 1), "r.toml: is larger than 256 KiB"),
        ('tactics = ["taking"]', "r.toml:1: tactics: no tactic 'taking'"),
    ],
)
def test_bad_input_is_one_line(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as problem:
        parse_restricted(text, "r.toml")
    assert "\n" not in str(problem.value)
