"""Moments in MongoDB's cluster time as people and pages write them: SECS,INC, or ISO with an offset."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from bson import Timestamp

from agent.errors import Usage

LATEST = "latest"
_LAST = 0xFFFFFFFF
_EXACT = re.compile(r"(\d{1,10})[,.:](\d{1,10})")


def read(text: str) -> Timestamp:
    """Return the moment that a text names.

    An ISO time names the beginning of its second: everything up to it, nothing of that second itself, as a
    cluster time counts within it without saying when.

    Raises:
        Usage: it is no moment.
    """
    exact = _EXACT.fullmatch(text.strip())
    try:
        if exact:
            return Timestamp(int(exact[1]), int(exact[2]))
        moment = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        raise _no_moment(text, "it is neither") from None
    if moment.tzinfo is None:
        raise _no_moment(text, "it has no offset from UTC")
    if moment.microsecond:
        raise _no_moment(text, "it has a fraction of a second, which a cluster time does not")
    return Timestamp(int(moment.timestamp()), 0)


def show(moment: Timestamp | None) -> str:
    """Return a moment as SECS,INC; none is an empty text."""
    return f"{moment.time},{moment.inc}" if moment else ""


def utc(moment: Timestamp | None) -> str:
    """Return the second of a moment as ISO time in UTC; none is an empty text."""
    return datetime.fromtimestamp(moment.time, UTC).isoformat() if moment else ""


def below(moment: Timestamp) -> Timestamp:
    """Return the last moment strictly below one."""
    if moment.inc:
        return Timestamp(moment.time, moment.inc - 1)
    return Timestamp(moment.time - 1, _LAST)


def _no_moment(text: str, why: str) -> Usage:
    return Usage(
        f"Expected a moment as SECS,INC or as ISO time with an offset, found {text!r}: {why}.",
        do="Write for example 1764100000,7 or 2026-11-25T20:00:00+00:00.",
    )
