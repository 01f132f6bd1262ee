"""What a store says of its backups is not trusted with names, and a later proof is told to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.backup.fetch import name_in
from agent.backup.model import Backup, Part, Verified
from agent.backup.ship import _due
from agent.errors import StepFailed


class Named:
    """A store, as far as its name goes."""

    name = "far"


FAR: Any = Named()


def entry(*paths: str) -> Backup:
    """An entry of a set with those files."""
    parts = tuple(Part(path, 1, "00") for path in paths)
    return Backup(
        "u1", "refserver", "h", "/b/metadata/u1.json", "2026-11-22T03:00:00+00:00", 1, "00", parts=parts
    )


@pytest.mark.parametrize("path", ["/x/../refserver.db", "/../../etc", "x//y", "/a/b/.", "/a/b/c\nd"])
def test_a_name_that_leads_out_is_refused(path: str) -> None:
    """Nothing is written for it."""
    backup = entry(path)
    with pytest.raises(StepFailed, match="below its own folder"):
        name_in(backup, backup.parts[0], FAR)


def test_a_plain_name_is_taken() -> None:
    """With the folders that a set keeps."""
    backup = entry("/data/backups/sqlite/daily/refserver_2025-01-20_daily.db.gz")
    assert name_in(backup, backup.parts[0], FAR) == "sqlite/daily/refserver_2025-01-20_daily.db.gz"


def test_what_was_proved_since_is_told_to_the_store() -> None:
    """Sent at four: not again for a proof of three, but for one of five."""
    sent = replace(entry("/b/sqlite/daily/a"), shipped={"far": "2026-11-22T04:00:00+00:00"})
    for hour, due in (("03", False), ("05", True)):
        proof = Verified("restored", f"2026-11-22T{hour}:00:00+00:00", "")
        assert _due(replace(sent, verified=proof), FAR) is due
    assert _due(entry("/b/sqlite/daily/a"), FAR)
