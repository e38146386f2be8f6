"""Reads the files that the configuration comes from, and looks at who else could read them.

A file with a secret in it is good when it is a plain file of ours or of root's that its owner alone can open: mode 0600
or narrower, and no access list that lets anybody else in. Mode and owner are read from the open file itself, so that
nothing can change between the look and the read.
"""

from __future__ import annotations

import os
import pwd
import stat
import struct
from pathlib import Path
from typing import Final, NamedTuple

from domain.errors import ConfigurationError

FILE_MAX_BYTES: Final = 1 << 20
OWNER_ALONE: Final = 0o600
ACCESS_LIST: Final = "system.posix_acl_access"
ENTRY: Final = struct.Struct("<HHI")
NAMED_USER, OWNING_GROUP, NAMED_GROUP, MASK = 0x02, 0x04, 0x08, 0x10
BYTE_ORDER_MARKS: Final = (
    (b"\xef\xbb\xbf", "begins with a byte order mark"),
    (b"\xff\xfe", "is UTF-16"),
    (b"\xfe\xff", "is UTF-16"),
)


class FileRead(NamedTuple):
    """One file as it was read: its bytes, who can open it in words, and why it is not private (nothing when it is)."""

    data: bytes
    shown: str
    exposed: str


def read_file(path: Path) -> FileRead:
    """Read one small plain file. Raises ConfigurationError: one line with the path and what to do."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as problem:
        raise ConfigurationError(f"{path} cannot be read: {problem.strerror}") from None
    try:
        info = os.fstat(descriptor)
        if not stat.S_ISREG(info.st_mode):
            kind = "a directory" if stat.S_ISDIR(info.st_mode) else "no plain file"
            raise ConfigurationError(f"{path} is {kind}; name a file")
        data = os.pread(descriptor, FILE_MAX_BYTES + 1, 0)
        others = _access_list(descriptor)
    except OSError as problem:
        raise ConfigurationError(f"{path} cannot be read: {problem.strerror}") from None
    finally:
        os.close(descriptor)
    if len(data) > FILE_MAX_BYTES:
        raise ConfigurationError(f"{path} is larger than {FILE_MAX_BYTES} bytes; this is the wrong file")
    mode = stat.S_IMODE(info.st_mode)
    shown = f"mode {mode:04o}, owner {_account(info.st_uid)}"
    return FileRead(data, shown, _exposed(path, mode, info.st_uid, others))


def read_private(path: Path, name: str) -> FileRead:
    """Read a file that holds a secret. Raises ConfigurationError as above, and for one that others can open."""
    try:
        file = read_file(path)
    except ConfigurationError as problem:
        raise ConfigurationError(f"{name}: {problem}") from None
    if file.exposed:
        raise ConfigurationError(f"{name}: {path} {file.exposed}")
    return file


def text_of(path: Path, data: bytes) -> str:
    """The text of a file. Raises ConfigurationError for anything but UTF-8 without a byte order mark."""
    for mark, what in BYTE_ORDER_MARKS:
        if data.startswith(mark):
            raise ConfigurationError(f"{path} {what}; save it as UTF-8 without a byte order mark")
    try:
        text = data.decode()
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise ConfigurationError(f"{path}:{line}: not UTF-8; save the file as UTF-8") from None
    if "\0" in text:
        raise ConfigurationError(f"{path} holds zero bytes, as UTF-16 without its mark does; save it as UTF-8")
    return text


def _exposed(path: Path, mode: int, owner: int, others: str | None) -> str:
    """Why others than the owner, root and we could open the file; nothing when they cannot."""
    own = os.geteuid()
    if owner not in {0, own} and own != 0:
        return f"belongs to {_account(owner)}, not to {_account(own)}; run chown {_account(own)} {path}"
    # With an access list the group's bits in the mode are the list's mask; the list itself says who may read.
    wider = mode & ~OWNER_ALONE if others is None else (mode & ~OWNER_ALONE & ~0o070)
    if wider:
        return f"has mode {mode:04o}; run chmod 600 {path}"
    return f"can be read by {others} too; run setfacl -b {path}" if others else ""


def _access_list(descriptor: int) -> str | None:
    """Who else an access list lets in, in words; None when there is no list.

    A service manager hands out credentials by such a list: root's file, with an entry for the one account.
    """
    try:
        raw = os.getxattr(descriptor, ACCESS_LIST)
    except OSError:
        return None
    entries = list(ENTRY.iter_unpack(raw[4 : 4 + (len(raw) - 4) // ENTRY.size * ENTRY.size]))
    mask = next((rights for tag, rights, _ in entries if tag == MASK), 0o7)
    for tag, rights, who in entries:
        if not rights & mask:
            continue
        if tag == NAMED_USER and who not in {0, os.geteuid()}:
            return f"account {_account(who)}"
        if tag in {NAMED_GROUP, OWNING_GROUP}:
            return "a group"
    return ""


def _account(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
