"""Who can open a file is looked at in the file system, access lists included; what is no plain file is named."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from daemon.settings.private_file_io import ACCESS_LIST, read_file, read_private, text_of
from domain.errors import ConfigurationError

OWNER, USER, GROUP_OF_OWNER, GROUP, MASK, OTHERS = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
NOBODY = 0xFFFFFFFF


def file_of(tmp_path: Path, mode: int) -> Path:
    path = tmp_path / "secret"
    path.write_bytes(b"x")
    path.chmod(mode)
    return path


def access_list(path: Path, *entries: tuple[int, int, int]) -> None:
    """Give a file an access list; (tag, rights, account) each. Skips where the disk keeps none."""
    body = b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(path, ACCESS_LIST, struct.pack("<I", 2) + body)
    except OSError:
        pytest.skip("this file system keeps no access lists")


@pytest.mark.parametrize("mode", range(0o1000))
def test_only_the_owner_may_read_and_write(tmp_path: Path, mode: int) -> None:
    path = file_of(tmp_path, mode)
    if not os.access(path, os.R_OK):
        return
    assert bool(read_file(path).exposed) is bool(mode & 0o177)


def test_an_access_list_for_one_service_account_is_its_owners_alone(tmp_path: Path) -> None:
    path = file_of(tmp_path, 0o400)
    own = os.geteuid()
    access_list(path, (OWNER, 4, NOBODY), (USER, 4, own), (GROUP_OF_OWNER, 0, NOBODY), (MASK, 4, NOBODY),
                (OTHERS, 0, NOBODY))  # fmt: skip
    assert path.stat().st_mode & 0o777 == 0o440, "the mask stands where the group's rights stood"
    assert read_private(path, "x").data == b"x"


@pytest.mark.parametrize(
    ("tag", "who", "told"),
    [(USER, 4711, "account 4711"), (GROUP, 4711, "a group"), (GROUP_OF_OWNER, NOBODY, "a group")],
)
def test_an_access_list_that_lets_another_in_is_refused(tmp_path: Path, tag: int, who: int, told: str) -> None:
    path = file_of(tmp_path, 0o400)
    group = (GROUP_OF_OWNER, 4 if tag == GROUP_OF_OWNER else 0, NOBODY)
    extra = ((tag, 4, who),) if tag == USER else ()
    more = ((tag, 4, who),) if tag == GROUP else ()
    access_list(path, (OWNER, 4, NOBODY), *extra, group, *more, (MASK, 4, NOBODY), (OTHERS, 0, NOBODY))
    with pytest.raises(ConfigurationError, match=f"can be read by {told} too"):
        read_private(path, "x")


@pytest.mark.parametrize(
    ("owner", "own", "allowed"), [(4711, 4711, True), (0, 4711, True), (4712, 4711, False), (4712, 0, True)]
)
def test_a_secret_is_ours_or_roots_and_root_may_read_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: int, own: int, *, allowed: bool
) -> None:
    path = file_of(tmp_path, 0o600)
    told = os.stat_result((0o100600, 0, 0, 1, owner, owner, 1, 0, 0, 0))
    monkeypatch.setattr(os, "fstat", lambda _descriptor: told)
    monkeypatch.setattr(os, "geteuid", lambda: own)
    exposed = read_file(path).exposed
    assert exposed == "" if allowed else f"belongs to {owner}, not to {own}" in exposed


def test_what_is_no_plain_file_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, told in (
        (tmp_path, "is a directory"),
        (tmp_path / "pipe", "is no plain file"),
        (tmp_path / "nowhere", "cannot be read: No such file"),
    ):
        with pytest.raises(ConfigurationError, match=told):
            read_file(path)
        with pytest.raises(ConfigurationError, match=r"^some\.key: "):
            read_private(path, "some.key")


def test_a_file_of_unlikely_size_is_the_wrong_one(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(bytes((1 << 20) + 1))
    with pytest.raises(ConfigurationError, match="larger than"):
        read_file(path)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"\xef\xbb\xbfmode", "byte order mark"),
        ("mode".encode("utf-16"), "UTF-16"),
        ("mode".encode("utf-16-be"), "zero bytes"),
        (b"a\nb\xff", ":2: not UTF-8"),
    ],
)
def test_another_encoding_is_said_to_be_one(data: bytes, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        text_of(Path("f"), data)
