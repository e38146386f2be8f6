"""`ladderd kill`: first the kill file, which outlives every process; then everything is cancelled from here as well.

A daemon that is up sees the file within 250 ms. One that hangs or is dead does not, so the command goes by no daemon:
it asks for the account-wide cancel-all with the key that it finds, and stays until the exchange's list has read empty.
Without a key of its own, or without an exchange that answers it, the word of the live daemon is the proof: latched, and
seen flat.

Exit: 0 the file lies and the account is proven flat; 1 the file lies (or could not be written) and nothing proves that
the account is flat; 69 neither the exchange nor a daemon answered.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

from daemon.client.living_io import daemon_pid, nobody_there, page_of
from daemon.rescue.cancel_all_io import print_line
from domain.clock import NS_PER_S, Clock
from domain.errors import EX_NOT_OK, EX_OK, EX_UNAVAILABLE, ConfigurationError, UnavailableError
from journal.disk_io import Disk
from journal.marker_io import kill_path, read_kill_file
from ops.client_io import HTTP_OK, fetch

DAEMON_LIMIT_S = 15.0
LOOK_S = 0.1

Cancel = Callable[[], int]


def kill(state_dir: Path, reason: str, cancel: Cancel, clock: Clock, say: Callable[[str], None] = print_line) -> int:
    """Lay the file, then cancel, then prove; returns the exit code.

    `cancel` is a whole cancel-all: its exit code, or ConfigurationError where no key or configuration is to be had.
    """
    laid, told = write_kill_file(state_dir, reason)
    say(told)
    try:
        code = cancel()
    except ConfigurationError as problem:
        say(f"not cancelled from here: {problem}")
        code = EX_NOT_OK
    if code != EX_OK:
        seen = asyncio.run(_daemon_flat(state_dir, clock, say))
        code = EX_OK if seen else EX_NOT_OK if seen is not None or code != EX_UNAVAILABLE else EX_UNAVAILABLE
    return code if laid or code == EX_UNAVAILABLE else EX_NOT_OK


def write_kill_file(state_dir: Path, reason: str) -> tuple[bool, str]:
    """Create the kill file unless it is there already: the first reason is kept. False if no daemon would see it."""
    path = kill_path(state_dir)
    try:
        written = _create(path, f"{reason}\n".encode(errors="replace"))
    except OSError as problem:
        return False, f"{path} cannot be written: {problem.strerror}; use kill -USR1 PID, or ladderd cancel-all"
    said = f"{path} written" if written else f"{path} was there already: {read_kill_file(state_dir).reason}"
    nobody = nobody_there(state_dir)
    if nobody:
        # One that has run there will start again, halted; where none ever has, the file is in the wrong place.
        return (state_dir / "journal").is_dir(), f"{said}, but {nobody}: only a later start there is halted by it"
    return True, f"{said}; daemon {daemon_pid(state_dir)} obeys it within 250 ms, and every later start is halted"


def _create(path: Path, text: bytes) -> bool:
    disk = Disk()
    disk.make_directory(path.parent)
    try:
        return disk.create(path, text)
    except OSError as problem:
        if problem.errno != errno.ENOSPC:
            raise
        # A full disk has no room for the reason, but mostly for an empty file, and any file stops the daemon.
        path.touch(mode=0o600, exist_ok=False)
        return True


async def _daemon_flat(state_dir: Path, clock: Clock, say: Callable[[str], None]) -> bool | None:
    """Whether the live daemon of this state directory is latched and has seen the account flat; None without one."""
    page = await asyncio.to_thread(page_of, state_dir)
    if page is None:
        say(f"no daemon has left its address in {state_dir}: nothing proves that the account is flat")
        return None
    address = f"http://127.0.0.1:{page.port}"
    begun, answered = clock.now().mono_ns, False
    while clock.now().mono_ns - begun < DAEMON_LIMIT_S * NS_PER_S:
        try:
            picture = await asyncio.to_thread(_picture, address, page.pid)
        except UnavailableError:
            break
        answered = True
        if picture.get("kill_switch") and picture.get("flat", {}).get("proven"):
            say(f"the daemon at {address} is latched and has seen the account flat")
            return True
        await asyncio.sleep(LOOK_S)
    if answered:
        say(f"the daemon at {address} answers, and has not proven the account flat; orders may rest")
        return False
    say(f"no daemon answers at {address}: nothing proves that the account is flat; use ladderd cancel-all with a key")
    return None


def _picture(address: str, pid: int) -> dict[str, Any]:
    """The picture of the daemon with this process id. Raises UnavailableError where it does not answer."""
    answer = fetch(address, "/picture")
    document = answer.document if answer.status == HTTP_OK and isinstance(answer.document, dict) else {}
    picture = document.get("picture")
    if not isinstance(picture, dict) or picture.get("pid") != pid:
        raise UnavailableError(f"{address}: not this state directory's daemon")
    return picture
