"""Rules on the names of the whole house: public ones are used, and a class name stands for one thing.

What nobody uses yet stands in a list with its reason; a line of it may only go. Each rule fires on a planted breach.
"""

from __future__ import annotations

import pytest

from tests.test_rooms import product
from tests.tidy.names import twice, unused
from tests.tidy.source import Source

HONESTY = "built and tested, asked by no decision yet: what settled outcomes say of the model"
CALIBRATION = "built and tested, asked by no decision yet: the model's calibration"
RECEIVER = "built and tested, no setting makes one yet: alerts that leave the machine"

UNUSED_LEFT = {
    "guards.calendar.render_table": "writes the committed table of days, for a person to read before it is committed",
    "guards.windows.current_window": "the name that the runbook gives this question",
    "guards.windows.default_plan": "what current_window stands on",
    "ops.alerts.delivery_io.WebhookReceiver": RECEIVER,
    "ops.alerts.delivery_io.chat_text": RECEIVER,
    "ops.client_io.order": "built and tested, no command orders over HTTP: the browser's buttons do it themselves",
    "ops.logs.log_io.reset_logging": "a test ends what it began with it; the process itself ends with its log",
    "pricing.calibration.AGE_LIMIT_DAYS": CALIBRATION,
    "pricing.calibration.HorizonScore": CALIBRATION,
    "pricing.calibration.Sample": CALIBRATION,
    "pricing.calibration.drift_ppm": CALIBRATION,
    "pricing.calibration.drift_shrink": CALIBRATION,
    "pricing.calibration.horizon_of": CALIBRATION,
    "pricing.calibration.out_of_sample": CALIBRATION,
    "pricing.honesty.payload": HONESTY,
    "pricing.honesty.shrink": HONESTY,
}


def test_every_public_name_is_used_or_listed() -> None:
    found = unused(product())
    assert not found - UNUSED_LEFT.keys(), "use it, make it private to its room, or delete it"
    assert not UNUSED_LEFT.keys() - found, "it is used or gone: take the line out of the list"


def test_a_class_name_stands_for_one_thing() -> None:
    found = twice(src for src in product() if src.shop != "sim")
    assert not found, "the domain's word stays; the other is renamed"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("def quote(): ...", {"quote"}),
        ("class Quote: ...", {"Quote"}),
        ("LIMIT = 3", {"LIMIT"}),
        ("def quote(): return price()\ndef price(): ...", {"quote", "price"}),
        ("class Quote:\n    def price(self): ...", {"Quote"}),
        ("@functools.cache\ndef quote(): ...", {"quote"}),
    ],
)
def test_a_planted_name_that_nobody_uses_is_found(text: str, names: set[str]) -> None:
    assert unused([Source("guards/planted.py", text)]) == {f"guards.planted.{name}" for name in names}


def test_a_test_that_uses_it_is_not_enough() -> None:
    planted = [Source("guards/planted.py", "def quote(): ..."), Source("guards/other.py", "from x import y")]
    assert unused(planted) == {"guards.planted.quote"}


@pytest.mark.parametrize(
    ("own", "other"),
    [
        ("def quote(): ...", "from guards.planted import quote"),
        ("def quote(): ...", "import guards.planted\nguards.planted.quote()"),
        ("def quote(): ...", "from guards import planted\nplanted.quote()"),
        ("@app.command()\ndef quote(): ...", ""),
        ("class Tick: ...\nclass Top: ...\nEvent = Tick | Top", "from guards.planted import Event"),
        ("def quote(): ...\nTABLE = {1: quote}", "from guards.planted import TABLE"),
        ("class Price: ...\ndef quote(at: Price): ...", "from guards.planted import quote"),
        ("def price(): ...\ndef quote(): return price()", "from guards.planted import quote"),
        ("LIMIT = 3\ndef quote(): return LIMIT", "from guards.planted import quote"),
        ("def _quote(): ...", ""),
    ],
)
def test_a_near_miss_is_left_alone(own: str, other: str) -> None:
    assert not unused([Source("guards/planted.py", own), Source("ops/other.py", other)])


def test_a_catalogue_that_gathers_a_name_does_not_use_it_and_who_imports_it_from_there_does() -> None:
    room = Source("domain/event_types/planted.py", "class Tick: ...")
    catalogue = Source("domain/events.py", "from domain.event_types.planted import Tick")
    assert unused([room, catalogue]) == {"domain.event_types.planted.Tick"}
    assert not unused([room, catalogue, Source("ops/other.py", "from domain.events import Tick")])


def test_a_class_name_in_two_rooms_is_found_and_a_private_one_is_not() -> None:
    planted = [Source("guards/a.py", "class Quote: ...\nclass _Row: ..."), Source("ops/b.py", "class Quote: ...")]
    assert twice([*planted, Source("ops/c.py", "class _Row: ...")]) == {"Quote": ["guards.a", "ops.b"]}
