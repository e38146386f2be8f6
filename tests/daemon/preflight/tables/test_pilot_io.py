"""The commands on journals and files as they may lie there: whose they are, whether they are whole, what is printed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from daemon.preflight.kept_io import folder_of, keep
from daemon.preflight.tables import pilot_io
from daemon.preflight.tables.commands_io import Printed
from daemon.preflight.tables.manifest_io import ours_of
from daemon.preflight.tables.pilot import FillModelEvidence, HonestyEvidence
from daemon.preflight.tables.pilot_io import PILOT, SCOREBOARD, pilot_readiness, scoreboard
from daemon.preflight.tables.printed_io import table_of
from daemon.settings.tree import Settings
from domain.actions import AnyAction
from domain.clock import NS_PER_S, Now
from domain.events import Wake
from domain.findings.finding import FAIL, PASS, UNKNOWN, Finding, Findings, read_findings
from domain.ids import ClientOrderId, TradeId
from domain.market import Side
from domain.stamps import utc_text
from journal.writer_io import JournalWriter
from tests.daemon.stand import short_settings
from tests.journal.conftest import HandClock
from tests.journal.story import LOW, TARGET_NS, StepPayload, filled, order_created, settled

HOUR_NS, DAY_NS = 3_600 * NS_PER_S, 86_400 * NS_PER_S
DEMO, HERE = "demo-api.kalshi.co", "127.0.0.1"
WINDOWS = 100


class Board:
    """A state directory, its settings and a time; `host` is the exchange that the settings name."""

    def __init__(self, folder: Path, host: str) -> None:
        scheme = "http" if host == HERE else "https"
        self.settings: Settings = short_settings(
            state_dir=folder,
            windows={"template": "hourly", "preflight_lead_s": 1_200, "open_lead_s": 900, "strict_lead_s": 60},
            exchange={"rest_url": f"{scheme}://{host}/trade-api/v2", "ws_url": f"wss://{host}/trade-api/ws/v2"},
        )
        self.folder, self.host = folder, host
        self.now_ns = TARGET_NS + 20 * DAY_NS + HOUR_NS

    def config(self, name: str, host: str) -> None:
        (self.folder / "config").mkdir(parents=True, exist_ok=True)
        document = {"exchange": {"rest_url": f"https://{host}/trade-api/v2"}, "mode": "paper"}
        (self.folder / "config" / f"{name}.json").write_bytes(msgspec.json.encode(document))

    def trade(self, host: str = "", *, windows: int = WINDOWS, mode: str = "paper", luck: int = 0) -> None:
        """A run of windows, five a day, with three fills each that earn four cents and eight in turn."""
        host = host or self.host
        self.config(f"config-of-{host}", host)
        run = (f"run-{mode}-{host}", mode, f"config-of-{host}")
        writer = JournalWriter(self.folder, *run, HandClock(), threaded=False, build_id="build")
        for number in range(windows):
            target_ns = TARGET_NS + number // 5 * DAY_NS + number % 5 * HOUR_NS
            entries = window_of(number, target_ns, f"{mode}{host}", won=(number + luck) % 2)
            writer.append("step", StepPayload(Wake(), Now(number + 1, target_ns), entries))
        writer.close()

    def model(self, **environment: str) -> None:
        """All evidence about the model, as good as it must be."""
        ours, taken = ours_of(self.settings), utc_text(self.now_ns)
        whose = (environment.get("environment", ours.environment), ours.config_hash, ours.build_id, taken)
        for made, name in (
            (FillModelEvidence(*whose, 500_000), "fill_model"),
            (HonestyEvidence(*whose, 120, 750_000), "honesty"),
        ):
            folder_of(self.folder, name).mkdir(parents=True, exist_ok=True)
            (folder_of(self.folder, name) / "1.json").write_bytes(msgspec.json.encode(made))
        lines = (Finding("score", PASS, "well"),)
        keep(self.folder, table_of("calibration", "paper", lines, 0, ours, self.now_ns), self.now_ns)

    def ask(
        self, capsys: pytest.CaptureFixture[str], *, name: str = PILOT, check: bool = False, simulated: bool = False
    ) -> tuple[int, dict[str, Finding], Findings]:
        command = pilot_readiness if name == PILOT else scoreboard
        code = command(self.settings, Printed(as_json=True), simulated=simulated, check=check)
        table = read_findings(capsys.readouterr().out.strip())
        assert (table.table, table.exit_code) == (name, code)
        return code, {one.name: one for one in table.checks}, table


def window_of(number: int, target_ns: int, run: str, *, won: int) -> list[AnyAction]:
    """Six orders of which three are filled: two cents of luck either way about six, and three are expected."""
    made: list[AnyAction] = []
    price = 9600 - 400 * won
    for n in range(3):
        name = ClientOrderId(f"ladderd-{run}-{number}-{n}")
        for order in (name, ClientOrderId(f"{name}-unfilled")):
            created = order_created(n, LOW, Side.BID, price, price + 300)
            made.append(msgspec.structs.replace(created, client_order_id=order, window=target_ns))
        fill = filled(n, LOW, Side.BID, price, trade=f"{name}")
        made.append(msgspec.structs.replace(fill, client_order_id=name, trade_id=TradeId(f"{name}"), window=target_ns))
    made.append(msgspec.structs.replace(settled(LOW, "yes", 300, 0), target_ns=target_ns))
    return made


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Board]:
    def made(host: str = DEMO) -> Board:
        one = Board(tmp_path, host)

        class Clock:
            def now(self) -> Now:
                return Now(1, one.now_ns)

        ours = ours_of(one.settings)  # hashes the whole tree: once is enough
        monkeypatch.setattr(pilot_io, "SystemClock", Clock)
        monkeypatch.setattr(pilot_io, "ours_of", lambda _: ours)
        return one

    return made


Made = Callable[..., Board]
Said = pytest.CaptureFixture[str]


@pytest.mark.step("H08")
def test_a_good_record_and_a_good_model_are_go_and_each_leaves_a_dated_file(board: Made, capsys: Said) -> None:
    one = board()
    one.trade()
    one.model()
    code, found, table = one.ask(capsys)
    assert {name: each.status for name, each in found.items()} == dict.fromkeys(found, PASS), found
    assert code == 0
    assert found["profit"].reason.startswith("+6.00 c a contract")
    assert found["record"].path.endswith("journal")
    assert len(found["record"].sha256) == 64
    assert read_findings(Path(table.path).read_bytes()) == table
    code, only, _ = one.ask(capsys, name=SCOREBOARD)
    assert (code, set(found) - set(only)) == (0, {"calibration", "fill_model", "honesty"})


@pytest.mark.step("H08")
def test_nothing_at_all_is_no_go_by_every_line(board: Made, capsys: Said) -> None:
    code, found, _ = board().ask(capsys)
    assert code == 1
    assert {each.status for each in found.values()} == {UNKNOWN}
    assert pilot_readiness(board().settings, Printed(as_json=False, as_md=True), simulated=False, check=False) == 1
    said = capsys.readouterr().out
    assert "NO-GO" in said
    assert all(name in said for name in found)
    assert pilot_readiness(board().settings, Printed(as_json=False), simulated=False, check=False) == 1
    assert "NO-GO: 0 of 9 pass" in capsys.readouterr().out


@pytest.mark.step("H08")
@pytest.mark.parametrize(
    ("host", "mode", "named"),
    [(HERE, "paper", "paper@127.0.0.1"), ("api.elections.kalshi.com", "live", "live@api.elections.kalshi.com")],
)
def test_what_another_exchange_or_mode_made_counts_for_nothing(
    host: str, mode: str, named: str, board: Made, capsys: Said
) -> None:
    one = board()
    one.model()
    one.trade(host, mode=mode)
    code, found, _ = one.ask(capsys)
    assert code == 1
    assert f"not counted: 300 of {named}" in found["record"].reason
    assert found["fills"].reason.startswith("0 fills")
    one.trade(windows=20)
    assert one.ask(capsys)[1]["fills"].reason.startswith("60 fills")
    (one.folder / "config" / f"config-of-{one.host}.json").unlink()
    assert "a host that is not known" in one.ask(capsys)[1]["record"].reason


@pytest.mark.step("H08")
def test_a_simulated_exchange_counts_only_when_that_is_said_and_printed_on_every_line(
    board: Made, capsys: Said
) -> None:
    one = board(HERE)
    one.trade()
    one.model()
    code, found, _ = one.ask(capsys)
    assert (code, found["exchange"].status) == (1, FAIL)
    code, found, _ = one.ask(capsys, simulated=True)
    assert code == 0
    assert all(each.reason.endswith("(simulated)") for each in found.values())


@pytest.mark.step("H08")
@pytest.mark.parametrize("harm", ["byte", "anchors", "empty", "folder"])
def test_a_journal_that_was_touched_fails_by_name(harm: str, board: Made, capsys: Said) -> None:
    one = board()
    one.trade()
    segment = min((one.folder / "journal").iterdir())
    whole = segment.read_bytes()
    if harm == "byte":
        segment.write_bytes(whole.replace(b'"fill_price":9600', b'"fill_price":1600', 1))
    elif harm == "anchors":
        (next((one.folder / "anchor").iterdir())).write_bytes(b"{\n")
    elif harm == "empty":
        segment.write_bytes(b"")
    else:
        segment.unlink()
        segment.mkdir()
    code, found, _ = one.ask(capsys, name=SCOREBOARD)
    assert code == 1
    assert {each.status for each in found.values()} <= {FAIL, UNKNOWN}
    assert found["record"].reason


@pytest.mark.step("H08")
def test_check_takes_the_table_that_was_kept_while_all_it_rests_on_is_so(board: Made, capsys: Said) -> None:
    one = board()
    one.trade()
    one.model()
    code, found, _ = one.ask(capsys, check=True)
    assert (code, found["kept"].status) == (1, UNKNOWN)
    assert one.ask(capsys)[0] == 0
    code, found, _ = one.ask(capsys, check=True)
    assert (code, found["kept"].status) == (0, PASS)
    assert len(list(folder_of(one.folder, PILOT).iterdir())) == 1, "a check keeps nothing"
    one.trade(windows=2, mode="live")
    assert one.ask(capsys, check=True)[0] == 0, "a journal may grow"
    one.now_ns += 25 * HOUR_NS
    assert "too old" in one.ask(capsys, check=True)[1]["kept"].reason


@pytest.mark.step("H08")
@pytest.mark.parametrize("harm", ["kept emptied", "kept another's", "honesty replaced", "honesty deleted", "journal"])
def test_check_turns_when_what_it_rests_on_is_deleted_emptied_or_replaced(harm: str, board: Made, capsys: Said) -> None:
    one = board()
    one.trade()
    one.model()
    assert one.ask(capsys)[0] == 0
    (kept,), honesty = folder_of(one.folder, PILOT).iterdir(), folder_of(one.folder, "honesty") / "1.json"
    if harm == "kept emptied":
        kept.write_bytes(b"")
    elif harm == "kept another's":
        kept.write_bytes(kept.read_bytes().replace(b"paper@demo", b"paper@else"))
    elif harm == "honesty replaced":
        honesty.write_bytes(honesty.read_bytes().replace(b"750000", b"900000"))
    elif harm == "honesty deleted":
        honesty.unlink()
    else:
        for folder in ("journal", "anchor"):
            (one.folder / folder).rename(one.folder / f"{folder}-of-before")
        one.trade(luck=1)
    code, found, _ = one.ask(capsys, check=True)
    assert code == 1
    assert found["kept"].status is FAIL
    assert found["kept"].reason


@pytest.mark.step("H08")
def test_what_cannot_be_kept_or_opened_is_never_a_go(
    board: Made, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = board()
    one.trade()
    one.model()
    folder_of(one.folder, "honesty").joinpath("1.json").unlink()
    folder_of(one.folder, "honesty").joinpath("1.json").mkdir()
    assert one.ask(capsys)[1]["honesty"].status is UNKNOWN
    folder_of(one.folder, "honesty").joinpath("1.json").rmdir()
    one.model()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("daemon.preflight.tables.printed_io.keep", full)
    assert pilot_readiness(one.settings, Printed(as_json=True), simulated=False, check=False) == 1
    assert "cannot be kept" in capsys.readouterr().err


@pytest.mark.step("H08")
def test_a_calibration_counts_for_fourteen_days_and_one_that_is_not_there_is_unknown(board: Made, capsys: Said) -> None:
    one = board()
    one.model()
    for days, status in ((0, PASS), (14, PASS), (15, FAIL)):
        one.now_ns += days * DAY_NS - (14 * DAY_NS if days == 15 else 0)
        assert one.ask(capsys)[1]["calibration"].status is status
    (kept,) = folder_of(one.folder, "calibration").iterdir()
    for broken in (b"", b"{"):
        kept.write_bytes(broken)
        assert one.ask(capsys)[1]["calibration"].status is FAIL
    kept.unlink()
    assert one.ask(capsys)[1]["calibration"].status is UNKNOWN
