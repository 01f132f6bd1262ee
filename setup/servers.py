"""The real programs that the tests speak to: age, sshd, rsync, sudo, a Redis, a chat, a MongoDB stand-in."""

from __future__ import annotations

import os
import shutil

from setup import apart, apt
from setup.together import together

PROGRAMS = {
    "age": "age",
    "sshd": "openssh-server",
    "ssh": "openssh-client",
    "rsync": "rsync",
    "sudo": "sudo",
    "busybox": "busybox-static",
    "redis-server": "redis-server",
    "redis-cli": "redis-tools",
    "redis-check-aof": "redis-tools",
}
_SYSTEM = "/usr/local/sbin:/usr/sbin:/sbin"  # not on everybody's PATH


def missing(path: str) -> list[str]:
    """Return the packages whose programs are not on `path` or in the system's own folders."""
    everywhere = f"{path}:{_SYSTEM}"
    return sorted({package for name, package in PROGRAMS.items() if not shutil.which(name, path=everywhere)})


def ensure() -> None:
    """Install what is missing; .venv has been made.

    Raises:
        NotInstalled, CannotInstall: that is not ours to do, or it failed.
    """
    together(apart.chromadb, apart.mongo_standin, apart.chat, _programs)


def _programs() -> None:
    if packages := missing(os.environ.get("PATH", "")):
        apt.install(*packages, because="the tests run against real servers")
