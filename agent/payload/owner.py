"""Whose a service's files are: a user of this host by name, or numbers where the host knows no such user."""

from __future__ import annotations

import os
import pwd
from pathlib import Path


def folder_of(path: Path, user: str) -> None:
    """Make a folder that only `user` sees into ("" = whoever we are), where there is none yet."""
    if not path.exists():
        path.mkdir(mode=0o700, parents=True)
        os.chown(path, *(ids(user) if user else (-1, -1)))


def ids(user: str) -> tuple[int, int]:
    """Return user id and group id of `redis`, `999` or `999:1000`.

    Raises:
        KeyError: this host has no user of that name.
    """
    first, _, group = user.partition(":")
    if first.isdigit():
        return int(first), int(group) if group.isdigit() else int(first)
    entry = pwd.getpwnam(first)
    return entry.pw_uid, entry.pw_gid
