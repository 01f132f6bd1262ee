"""What an action notes outside of a run is said on standard error, as it comes."""

from __future__ import annotations

import sys

from agent.transport.ask import Ask, Note
from agent.transport.perform import Forgetful


class Aloud(Forgetful):
    """A record that keeps nothing and says each note."""

    def asking(self, n: int, ask: Ask) -> str:
        """Say a note; name no job."""
        if isinstance(ask, Note):
            sys.stderr.write(f"note: {ask}\n")
        return super().asking(n, ask)
