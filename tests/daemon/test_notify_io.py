"""The datagrams that systemd gets, read on a real socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from daemon.notify_io import Notifier

WITHIN_S = 5


@contextmanager
def manager(address: str) -> Iterator[socket.socket]:
    """A service manager's end: a datagram socket bound to an address as NOTIFY_SOCKET names it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.settimeout(WITHIN_S)
        heard.bind("\0" + address[1:] if address.startswith("@") else address)
        yield heard


def addresses(folder: Path) -> list[str]:
    return [str(folder / "notify"), f"@ladderd-test-{os.getpid()}"]


@pytest.mark.parametrize("kind", [0, 1], ids=["a path", "an abstract name"])
def test_each_message_is_one_datagram(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: int) -> None:
    address = addresses(tmp_path)[kind]
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    notifier = Notifier()
    with manager(address) as heard:
        assert notifier.notify("READY=1")
        assert notifier.notify("WATCHDOG=1")
        assert [heard.recv(100), heard.recv(100)] == [b"READY=1", b"WATCHDOG=1"]
    notifier.close()


def test_without_a_manager_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notifier = Notifier()
    assert not notifier.notify("READY=1")
    notifier.close()


@pytest.mark.parametrize("address", ["/no/such/folder/notify", "@nobody-listens", "x" * 200, "vsock:2:1"])
def test_a_manager_that_cannot_be_reached_stops_nobody(address: str) -> None:
    notifier = Notifier(address)
    assert not notifier.notify("READY=1")
    notifier.close()


def test_a_manager_that_comes_back_is_heard_again(tmp_path: Path) -> None:
    # systemd binds its socket anew when it executes itself again: nothing may hold on to the old one
    address = str(tmp_path / "notify")
    notifier = Notifier(address)
    with manager(address):
        assert notifier.notify("READY=1")
    Path(address).unlink()
    assert not notifier.notify("WATCHDOG=1")
    with manager(address) as heard:
        assert notifier.notify("WATCHDOG=1")
        assert heard.recv(100) == b"WATCHDOG=1"
    notifier.close()


def test_a_full_queue_never_holds_the_daemon(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    notifier = Notifier(address)
    with manager(address) as heard:
        sent = 0
        while notifier.notify("WATCHDOG=1"):  # returns, where a blocking socket would wait for ever
            sent += 1
        assert sent
        heard.recv(100)
        assert notifier.notify("WATCHDOG=1")
    notifier.close()


def test_only_what_the_network_does_is_forgiven() -> None:
    notifier = Notifier("/no/such/folder/notify")
    with pytest.raises(AttributeError):
        notifier.notify(None)  # type: ignore[arg-type]
    notifier.close()
