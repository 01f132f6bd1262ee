"""The agent called by the other names of a restore: the library's verb, and the guide's script."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from drills.rig.recovery import Agent

_SCRIPT = Path(__file__).parents[2] / "scripts/disaster_recovery.sh"


class BackupRestore(Agent):
    """Recovers by `drillyard backup restore`, which chooses the page itself."""

    def order(self, page: str, options: Sequence[str]) -> list[str]:
        """Return the line for RefServer's newest backup; the page is the verb's own choice."""
        del page
        return self.command("backup", "restore", "refserver", "--latest", *options)


class Script(Agent):
    """Recovers by `disaster_recovery.sh`, as its guide has it typed."""

    def order(self, page: str, options: Sequence[str]) -> list[str]:
        """Return the line for the newest backup; what stands behind `--` is drillyard's."""
        del page
        return [str(_SCRIPT), "--restore-latest", "--", *options]
