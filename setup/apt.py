"""Packages from Debian or Ubuntu, installed without letting any of them start a service."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.errors import DrillyardError
from setup import progress

POLICY = Path("/usr/sbin/policy-rc.d")
_NO_STARTS = "#!/bin/sh\nexit 101\n"


class NotInstalled(DrillyardError):
    """This machine lacks a package and we may not, or could not, install it."""

    exit_code = 65


def possible() -> bool:
    """Whether we can install packages here: as root, where apt is the machine's own way."""
    return os.geteuid() == 0 and Path("/etc/debian_version").exists()


def install(*packages: str, because: str, error: type[DrillyardError] = NotInstalled) -> None:
    """Install packages, without recommendations and without starting their services.

    Raises:
        `error`: we are not root on Debian or Ubuntu (the sentence says what to install), or apt failed.
    """
    names = " ".join(packages)
    if not possible():
        raise error(
            f"Expected {names} on this machine: {because}.",
            do=f"Install it (on Debian or Ubuntu: `sudo apt-get install {names}`) and run again.",
        )
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with no_service_starts(POLICY):
        progress.run("Reading Debian's package lists", ["apt-get", "update", "-q"], env, error)
        words = ["apt-get", "install", "-q", "-y", "--no-install-recommends", *packages]
        progress.run(f"Installing {names}", words, env, error)


@contextmanager
def no_service_starts(policy: Path) -> Iterator[None]:
    """Deny packages the start of their services for the time of the block; then restore what was there."""
    before = (policy.read_bytes(), policy.stat().st_mode) if policy.exists() else None
    policy.write_text(_NO_STARTS)
    policy.chmod(0o755)
    try:
        yield
    finally:
        if before is None:
            policy.unlink(missing_ok=True)
        else:
            policy.write_bytes(before[0])
            policy.chmod(before[1])
