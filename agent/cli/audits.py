"""`drillyard audit`: verify the chain, or acknowledge on purpose the line that a power cut tore."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.world import unwritten
from agent.errors import Usage
from agent.secrets import mask

if TYPE_CHECKING:
    from agent.record.audit import Verified
    from agent.record.torn import Acknowledged

VERBS = ("verify", "acknowledge")


def audit(command: Namespace) -> int:
    """Verify that no line was altered, removed or inserted; `acknowledge` first writes one about a torn line.

    Raises:
        Usage: what is to be acknowledged, or why, is not said; or a line or reason is given to verify.
        NotFound, Refused, BadJournal: as `record.audit` raises them.
        JournalLost: the audit cannot be written.
    """
    from agent.record.audit import acknowledge, verify

    folder = Path(command.runs)
    if command.what == "acknowledge":
        if command.line is None or not command.reason.strip():
            raise Usage(
                "audit acknowledge: expected the number of the torn line, and --reason.",
                do="`drillyard audit verify` names the line.",
            )
        try:
            acknowledge(folder, command.line, command.reason)
        except OSError as problem:
            raise unwritten(f"the audit in {folder}", problem, "Nothing was acknowledged.") from None
    elif command.line is not None or command.reason:
        raise Usage("audit verify: it takes no line and no --reason; `acknowledge` does.")
    found = verify(folder, command.last)
    text = json.dumps(asdict(found), ensure_ascii=False) if command.json else _told(found)
    sys.stdout.write(mask(f"{text}\n"))
    return 0


def _told(found: Verified) -> str:
    torn = "".join(map(_torn, found.torn))
    each = "each other line follows" if torn else "each following"
    return f"{found.lines} lines, {torn}{each} from the one before. The last one's hash is {found.last}."


def _torn(known: Acknowledged) -> str:
    return f"line {known.line} torn (acknowledged by {known.who} at {known.at}: {known.reason}), "
