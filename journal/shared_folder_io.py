"""The two folders through which accounts speak to a daemon: `requests/` and `cancel_all/` of its state directory.

The daemon makes both at its start, mode 0770 with its own group, so that root and the members of that group can leave
files there. Who leaves a file gives it the folder's group and mode 0640; where the system refuses that, 0644, because a
request holds no secret. Who reads owns nothing and trusts nothing: it opens plain files only, never waits for one, and
reads a bounded number of bytes. A folder that another account made for itself, so that the daemon cannot use it, is set
aside under another name: the daemon owns the state directory, and needs no right on what it renames there.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import stat
from pathlib import Path
from typing import Final, NamedTuple

FOLDER_MODE: Final = 0o770
FILE_MODE: Final = 0o640
FILE_MODE_OF_A_STRANGER: Final = 0o644
FILE_BYTES_MAX: Final = 64 * 1024
ASIDE: Final = ".aside-"
ASIDE_MAX: Final = 1_000
USABLE: Final = os.R_OK | os.W_OK | os.X_OK

# What another account can bring about; anything else says that the disk is bad or full.
OF_OTHERS: Final = frozenset(
    {
        errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY, errno.ENAMETOOLONG,
        errno.EINVAL, errno.ELOOP, errno.EXDEV, errno.ENOENT, errno.EMLINK, errno.ETXTBSY, errno.EFBIG,
    }
)  # fmt: skip


class FileOfOthers(NamedTuple):
    """What a file held, and whose it is by the file system."""

    data: bytes
    owner: str


def open_folder(path: Path) -> str:
    """Make a folder that other accounts can write into, and that this one can use whoever made it. Raises OSError.

    Returns what had to be set aside, in words; nothing when all was well.
    """
    told = ""
    if os.path.lexists(path) and not _ours(path):
        aside = _set_aside(path)
        told = f"{path} is no folder that this account can use; it was set aside as {aside.name}"
    if not os.path.lexists(path):
        with contextlib.suppress(FileExistsError):  # another process of this account was quicker
            path.mkdir(mode=FOLDER_MODE)
        _sync(path.parent)
    if path.stat().st_uid == os.geteuid():
        if path.stat().st_gid not in {os.getegid(), *os.getgroups()}:
            os.chown(path, -1, os.getegid())
        if stat.S_IMODE(path.stat().st_mode) != FOLDER_MODE:
            path.chmod(FOLDER_MODE)
    return told


def make_folder(path: Path) -> None:
    """Make the folder where no daemon has made it yet, for the state directory's owner. Raises OSError."""
    if path.is_dir():
        return
    home = path.parent.stat()
    with contextlib.suppress(FileExistsError):  # somebody else was quicker
        path.mkdir(mode=FOLDER_MODE)
    if os.geteuid() == 0:
        os.chown(path, home.st_uid, home.st_gid)
    path.chmod(FOLDER_MODE)
    _sync(path.parent)


def share(file: int, folder: Path) -> None:
    """Let the folder's group read an open file; everybody where that group cannot be given. Raises OSError."""
    try:
        os.fchown(file, -1, folder.stat().st_gid)
    except PermissionError:
        os.fchmod(file, FILE_MODE_OF_A_STRANGER)
    else:
        os.fchmod(file, FILE_MODE)


def read_of_others(path: Path) -> FileOfOthers:
    """Read one small plain file. Raises OSError for anything else, at once."""
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        info = os.fstat(file)
        if not stat.S_ISREG(info.st_mode):
            raise OSError(errno.EINVAL, "no plain file", str(path))
        if info.st_size > FILE_BYTES_MAX:
            raise OSError(errno.EFBIG, f"larger than {FILE_BYTES_MAX} bytes", str(path))
        return FileOfOthers(os.pread(file, FILE_BYTES_MAX, 0), account_name(info.st_uid))
    finally:
        os.close(file)


def entries(folder: Path, suffix: str) -> list[Path]:
    """Its files of one kind, sorted; none where another account keeps us out. Raises OSError for a bad disk."""
    try:
        paths = sorted(folder.iterdir())
    except OSError as problem:
        if problem.errno not in OF_OTHERS:
            raise
        return []
    return [path for path in paths if path.suffix == suffix and not path.name.startswith(".")]


def set_entry_aside(path: Path) -> None:
    """Hide one entry of a shared folder from every reader, whatever it is. Raises OSError."""
    _set_aside(path, hidden=True)


def remove_old(path: Path) -> None:
    """Remove a file that nobody needs any more; whoever else removed it or keeps it, that is no fault of the disk."""
    try:
        path.unlink()
    except OSError as problem:
        if problem.errno not in OF_OTHERS:
            raise


def account_name(uid: int) -> str:
    """An account's name, or its number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _ours(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and os.access(path, USABLE, effective_ids=True)


def _set_aside(path: Path, *, hidden: bool = False) -> Path:
    for number in range(ASIDE_MAX):
        aside = path.with_name(f"{ASIDE}{number}" if hidden else f"{path.name}{ASIDE}{number}")
        if not os.path.lexists(aside):
            path.rename(aside)
            return aside
    raise OSError(errno.EEXIST, f"{ASIDE_MAX} were set aside before", str(path))


def _sync(folder: Path) -> None:
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
