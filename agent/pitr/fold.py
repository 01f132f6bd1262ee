"""What becomes of one document under the changes that the log has of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from agent.pitr.delta import Branch

PUT, ALTER, REMOVE = 0, 1, 2
"""A whole document (insert, replace), an update's description, a delete."""

Change: TypeAlias = "tuple[int, bytes]"


def stands_alone(changes: Sequence[Change]) -> bool:
    """Return whether the outcome does not depend on what was there before."""
    return any(kind != ALTER for kind, _ in changes)


def fold(before: bytes | None, changes: Sequence[Change]) -> bytes | None:
    """Return a document after its changes, or None where it is gone.

    Updates of a document that is not there do nothing, as on the server.
    """
    start = next((n for n in range(len(changes) - 1, -1, -1) if changes[n][0] != ALTER), -1)
    if start >= 0:
        before = changes[start][1] if changes[start][0] == PUT else None
    if before is None or start + 1 == len(changes):
        return before
    branch = Branch(before)
    for _, description in changes[start + 1 :]:
        branch.apply(description)
    return branch.raw()
