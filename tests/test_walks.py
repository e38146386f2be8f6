"""The walks of ARCHITECTURE.md are what a running daemon does, and its table names every folder of the tree.

Index tick, cancel-all and fill are recorded in the whole application at the level with sockets; the setting is recorded
from its file to the gate of an engine on its stand.
"""

from __future__ import annotations

import datetime as dt
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.settings.build import build_engine
from daemon.settings.load_io import load_file
from domain.actions import AnyAction, CancelAll, CancelOrders
from domain.clock import NS_PER_MS, NS_PER_S
from domain.events import AnyEvent, Filled, Operator, Tick
from domain.records import OrderFilledEntry, RiskDecisionEntry
from sim.campaign.faults import Fault
from sim.campaign.unit import Unit
from sim.sockets import faults as wires
from sim.sockets.world import SocketWorld
from tests.daemon.stand import START_S, Stand
from tests.walks import PAGE, ROOT, SHOPS, Decides, Recording, Walk, is_at, recording, strays, walks

TICK, CANCEL_ALL, FILL, SETTING = "An index tick to a cancel", "A cancel-all", "A fill", "A setting"
SOFT_LIMIT_MS = 1_300
TOML = f"""
[windows]
template = "short"
anchor_unix_s = {START_S}
period_s = 120
preflight_lead_s = 110
open_lead_s = 100
strict_lead_s = 20

[feeds]
mode = "hot"

[exchange]
rest_url = "http://127.0.0.1:1/trade-api/v2"
ws_url = "ws://127.0.0.1:1/trade-api/ws/v2"

[freshness]
soft_limit_ms = {SOFT_LIMIT_MS}
"""
pytestmark = pytest.mark.xdist_group("walks")  # one worker records the day, once


def requotes(event: AnyEvent, actions: list[AnyAction]) -> bool:
    return isinstance(event, Tick) and any(isinstance(action, CancelOrders) for action in actions)


def empties(event: AnyEvent, actions: list[AnyAction]) -> bool:
    return isinstance(event, Operator) and any(isinstance(action, CancelAll) for action in actions)


def books(event: AnyEvent, actions: list[AnyAction]) -> bool:
    return isinstance(event, Filled) and any(isinstance(action, OrderFilledEntry) for action in actions)


def stales(_event: AnyEvent, actions: list[AnyAction]) -> bool:
    decided = (action for action in actions if isinstance(action, RiskDecisionEntry))
    return any(told.reason == "polygon_ws_stale" for told in decided)


Drawn = tuple[Walk, list[str]]
DECIDES: dict[str, Decides] = {TICK: requotes, CANCEL_ALL: empties, FILL: books}
TITLES = [*DECIDES, SETTING]


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Drawn]:
    """A walk by its title, as it is drawn and as it was seen."""
    drawn = walks(PAGE.read_text("utf-8"))
    day, setting = _day(), _setting(tmp_path_factory.mktemp("walks") / "ladderd.toml")

    def found(title: str) -> Drawn:
        return drawn[title], setting if title == SETTING else day.episode(drawn[title], DECIDES[title])

    return found


def _day() -> Recording:
    """A window that is quoted; an order of ours is filled in it, and SIGUSR1 ends it."""
    unit = Unit(5, 0, dt.date(2026, 12, 1), "none", 30, 1, faults=(), level="sockets")
    world = SocketWorld(unit)
    for kind, at_s, for_s, params in (("forced_fills", 16, 8, {"fault": "force_fill"}), ("sigusr1", 25, 3, {})):
        at_ns = world.start_ns + at_s * NS_PER_S
        world.faults.append(Fault(kind, wires.ALL[kind].where, at_ns, for_s, dict(params)))
    with recording() as seen:
        outcome = world.run()
    assert outcome.breaches == []
    return seen


def _setting(file: Path) -> list[str]:
    """A limit of the freshness guard in a file; an engine is made from it, quotes, and its index falls silent."""
    file.write_text(TOML, "utf-8")
    stand = Stand(begin=False)
    with recording() as made:
        stand.settings = load_file(file)
        stand.engine = build_engine(stand.settings, stand.reference)
    stand.begin()
    stand.quote_both()
    stand.silence("INXU")
    with recording() as ran:
        stand.run(2 * NS_PER_S)
    closed = ran.step(stales)
    told = next(vote for name, vote in stand.engine.state.gates["INXU"] if name == "freshness")
    assert told.limit_ns == SOFT_LIMIT_MS * NS_PER_MS
    return made.visits + ran.visits[closed.begin : closed.end]


@pytest.mark.slow
@pytest.mark.parametrize("title", TITLES)
def test_a_walk_is_what_is_seen(walked: Callable[[str], Drawn], title: str) -> None:
    walk, seen = walked(title)
    assert sum(map(len, walk)) > 10
    assert not strays(walk, seen)


@pytest.mark.slow
@pytest.mark.parametrize("title", TITLES)
def test_a_wrong_station_is_found_wherever_it_stands(walked: Callable[[str], Drawn], title: str) -> None:
    walk, seen = walked(title)
    for number, leg in enumerate(walk):
        for place, station in enumerate(leg):

            def with_leg(*stations: str, number: int = number) -> Walk:
                return [*walk[:number], list(stations), *walk[number + 1 :]]

            renamed = with_leg(*leg[:place], f"{station}_of_old", *leg[place + 1 :])
            assert strays(renamed, seen).startswith(f"{station}_of_old: not visited")
            astray = with_leg(*leg[:place], "guards/killswitch.py:KillSwitch.kill", *leg[place:])
            assert strays(astray, seen).startswith("guards/killswitch.py:KillSwitch.kill: not visited")
            skipped = [visit for visit in seen if not is_at(visit, station)]
            assert strays(walk, skipped).startswith(f"{station}: not visited")
            if place:
                swapped = with_leg(*leg[: place - 1], station, leg[place - 1], *leg[place + 1 :])
                assert strays(swapped, seen) == f"{leg[place - 1]}: visited before {station}"


def test_there_are_these_walks() -> None:
    assert list(walks(PAGE.read_text("utf-8"))) == TITLES


def test_the_table_names_every_folder_of_the_tree_and_every_file_of_its_rows() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT, check=True, capture_output=True, text=True, timeout=60,
    ).stdout.split()  # fmt: skip
    present = [name for name in listed if name.partition("/")[0] in SHOPS | {"sim"} and (ROOT / name).is_file()]
    table = PAGE.read_text("utf-8").partition("\n## Rooms\n")[2].partition("\n## ")[0]
    named: set[str] = set()
    for row in table.splitlines():
        cells = row.split("|")
        if len(cells) < 3 or "`" not in cells[2]:
            continue
        folders = re.findall(r"`([a-z_/]+)/`", cells[2])
        named.update(folders)
        for file in re.findall(r"`([a-z_/]+\.py)`", cells[3]):
            assert any(f"{folder}/{file}" in present for folder in folders), f"{file}: not in {folders}"
    assert named == {str(Path(name).parent) for name in present}
