"""The program's options: what is refused, in one line, with which exit code."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sim.exchange import program
from sim.exchange.gateway.faults import BadFault
from tests.sim.exchange.rig import START, HandClock, S
from tests.sim.exchange.wire import ED


def written(tmp_path: Path, text: bytes) -> str:
    path = tmp_path / "key.pem"
    path.write_bytes(text)
    return str(path)


@pytest.mark.parametrize(
    "extra",
    [
        ["--port", "none"],
        ["--series", "KXNONE"],
        ["--period-s", "120"],
        ["--rungs", "0"],
        ["--price-step", "0.03"],
        ["--host", "192.0.2.1"],
        ["--tier", "gold"],
        ["--what"],
        ["--faults-script", "/nowhere"],
        ["--read-only-key-id", "R"],
    ],
)
def test_a_bad_option_is_one_line_and_exit_2(
    extra: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = written(tmp_path, ED.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(SystemExit) as caught:
        program.main(["--port", "0", "--api-key-id", "K", "--public-key", key, *extra])
    said = capsys.readouterr().err
    assert caught.value.code == 2
    assert said.startswith("sim exchange: ")
    assert said.count("\n") == 1


def test_a_bad_key_file_is_one_line_and_exit_78(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    other_kind = curve.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for path in ("/nowhere/key.pem", written(tmp_path, b"hello"), written(tmp_path, other_kind)):
        assert program.main(["--port", "0", "--api-key-id", "K", "--public-key", path]) == 78
        said = capsys.readouterr().err
        assert path in said
        assert said.count("\n") == 1


def test_the_options_reach_the_exchange() -> None:
    parser = program._options()  # noqa: SLF001 - the table of options
    words = "--port 0 --api-key-id K --public-key F --period-s 120 --anchor-s 1795300000 --rungs 6 --shard 2"
    options = parser.parse_args(words.split())
    program.check(parser, options)
    server = program.build(options, {"K": ED.public_key()}, HandClock())
    state = server.gateway.exchange.state
    assert [len(event.markets) for event in state.events.values()] == [6] * 6
    assert {event.close_ns % (120 * S) for event in state.events.values()} == {START % (120 * S)}
    assert state.markets[next(iter(state.markets))].exchange_index == 2
    assert server.gateway.exchange.member.purse(0, 2).value == 10_000_000_000
    assert not state.config.thursday_pause


def test_a_script_of_faults_is_sorted_by_time_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    path.write_text('[{"at_s": 2, "fault": "ws_drop"}, {"at_s": 1, "fault": "http_429"}]', encoding="utf-8")
    assert [(at, row["fault"]) for at, row in program.read_script(str(path))] == [(1.0, "http_429"), (2.0, "ws_drop")]
    path.write_text('{"fault": "ws_drop"}', encoding="utf-8")
    with pytest.raises(BadFault):
        program.read_script(str(path))
