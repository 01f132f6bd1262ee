"""Two services on one data folder would ruin it: a file says which machine uses it."""

from __future__ import annotations

import socket
from pathlib import Path


class Lock:
    """The file `refserver.lock` of a data folder; it has the name of the machine that made it."""

    def __init__(self, data: Path) -> None:
        """Nothing is claimed yet."""
        self._file = data / "refserver.lock"

    def claim(self) -> None:
        """Claim the folder; a file of this very machine is one that its last process left.

        Raises:
            SystemExit: another machine has it.
        """
        try:
            owner = self._file.read_text().strip()
        except FileNotFoundError:
            owner = ""
        except OSError:
            return  # What cannot be read is told by /health, and nothing is written.
        if owner not in ("", socket.gethostname()):
            raise SystemExit(f"refserver: {self._file} says that {owner} uses this folder.")
        try:
            self._file.write_text(socket.gethostname())
        except OSError:
            return

    def let_go(self) -> None:
        """Leave the folder to whoever comes next."""
        try:
            if self._file.read_text().strip() == socket.gethostname():
                self._file.unlink()
        except OSError:
            return
