"""What `ladderd reconcile` prints and how it exits, for every way in which the daemon answers or does not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from daemon.cli import reconcile_io
from daemon.cli.reconcile_io import exit_code, reconcile_view, told
from daemon.client.requests_io import Request, answer, pending
from domain.errors import EX_NOT_OK, EX_OK, EX_UNAVAILABLE
from domain.events import Command
from execution.reconcile import Drift, DriftKind, Reconciled

FOREIGN = Drift(DriftKind.FOREIGN_FILL, "t9", "KXINXU-1 bid 1 @ 0.4 of order x1 is not ours")
MOVED = Drift(DriftKind.CASH_MOVED, "balance", "exchange -12.34 dollars against our walk", critical=False)


class Daemon:
    """Answers the first request that it finds, as the real one does: in a file beside it."""

    def __init__(self, state_dir: Path, text: str) -> None:
        self.asked: list[Request] = []
        self._thread = threading.Thread(target=self._serve, args=(state_dir, text))
        self._thread.start()

    def _serve(self, state_dir: Path, text: str) -> None:
        while not (found := pending(state_dir)):
            pass
        self.asked += [each.request for each in found]
        answer(state_dir, found[0].request, text)

    def end(self) -> Request:
        self._thread.join()
        return self.asked[0]


@pytest.fixture
def ask(tmp_path: Path) -> Callable[..., tuple[int, str, Request]]:
    def put(found: Reconciled | str, *, adopt: bool = False, as_json: bool = False) -> tuple[int, str, Request]:
        daemon = Daemon(tmp_path, found if isinstance(found, str) else msgspec.json.encode(found).decode())
        code, text = reconcile_view(tmp_path, "ann", "why not", adopt=adopt, as_json=as_json)
        return code, text, daemon.end()

    return put


@pytest.mark.parametrize(
    ("found", "code", "says"),
    [
        (Reconciled(), EX_OK, "were read twice, and agree"),
        (Reconciled(differences=(FOREIGN,)), EX_NOT_OK, "FOREIGN_FILL t9"),
        (Reconciled(differences=(MOVED,)), EX_NOT_OK, "CASH_MOVED balance: exchange -12.34"),
        (Reconciled(unknown="positions cannot be read: HTTP 503 x"), EX_NOT_OK, "UNKNOWN: positions cannot be read"),
        (Reconciled(unknown="fills cannot be read: timeout", reachable=False), EX_UNAVAILABLE, "UNKNOWN: fills"),
        (Reconciled(adopted=(FOREIGN,)), EX_OK, "adopted: FOREIGN_FILL t9"),
        ("asked 70 s ago, when no daemon answered; ask again", EX_NOT_OK, "refused: asked 70 s ago"),
        ("", EX_NOT_OK, "refused"),
    ],
)
def test_the_daemons_answer_is_printed_and_is_the_exit_code(
    ask: Callable[..., tuple[int, str, Request]], found: Reconciled | str, code: int, says: str
) -> None:
    exit_with, text, request = ask(found)
    assert exit_with == code
    assert says in text
    assert (request.command, request.by, request.cause) == (Command.RECONCILE, "ann", "why not")


def test_adopting_is_a_command_of_its_own(ask: Callable[..., tuple[int, str, Request]]) -> None:
    assert ask(Reconciled(), adopt=True)[2].command is Command.ADOPT


def test_json_has_the_differences_and_the_exit_code(ask: Callable[..., tuple[int, str, Request]]) -> None:
    shown = msgspec.json.decode(ask(Reconciled(differences=(FOREIGN,)), as_json=True)[1])
    assert (shown["ok"], shown["exit_code"], shown["differences"][0]["kind"]) == (False, 1, "FOREIGN_FILL")


def test_without_a_daemon_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile_io, "LIMIT_S", 0.1)
    code, text = reconcile_view(tmp_path, "ann", "why", adopt=False, as_json=False)
    assert code == EX_UNAVAILABLE
    assert "UNKNOWN" in text
    assert "--full" in text


def test_every_difference_says_what_to_do() -> None:
    for kind in DriftKind:
        assert len(told(Reconciled(differences=(Drift(kind, "a", "b"),))).splitlines()) == 3
    assert exit_code(Reconciled(unknown="x", differences=(FOREIGN,))) == EX_NOT_OK
