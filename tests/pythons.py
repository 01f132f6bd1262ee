"""The Pythons that hosts have and this machine has too, older than the one that runs the tests."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

OLD = ("3.9", "3.10")
"""What RHEL 9 and Debian 11 have, and Ubuntu 22.04."""


def python(version: str) -> str:
    """Return the path of a Python of that version that runs, on the PATH or kept by pyenv; "" = none."""
    kept = sorted(Path("~/.pyenv/versions").expanduser().glob(f"{version}.*/bin/python{version}"))
    # A shim of pyenv stands on the PATH and says no where its version is not the chosen one.
    for found in (shutil.which(f"python{version}"), *map(str, kept)):
        if found and not subprocess.run([found, "-V"], capture_output=True, check=False).returncode:
            return found
    return ""
