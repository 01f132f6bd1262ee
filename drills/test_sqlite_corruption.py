"""RefServer's database is damaged under load; rows come back, and newer documents from their PDFs."""

from __future__ import annotations

import pytest

from drills.rig.fault import fault
from drills.rig.plugin import Night
from drills.subjects.refserver_backups import daily_and_hourly, newest_is_bad
from drills.subjects.refserver_night import refserver_night

# By day one: of RefServer's nights the one that asks most of the page in the least time.
BY_DAY = ("header",)
AT_NIGHT = ("page", "freed_page", "truncated", "empty", "gone", "wal_deleted", "changed")


@pytest.mark.parametrize(
    "kind", [*BY_DAY, *(pytest.param(kind, marks=pytest.mark.nightly) for kind in AT_NIGHT)]
)
def test_sqlite_corruption(night: Night, kind: str) -> None:
    """Users find every document again: what is newer than the backup is made anew from its file."""
    night.prove(
        refserver_night(
            page="sqlite_corruption",
            variant=kind,
            harm=fault("sqlite_damaged", kind=kind),
            backups=daily_and_hourly,
            rpo=0,
        )
    )


@pytest.mark.nightly
def test_sqlite_corruption_newest_bad(night: Night) -> None:
    """The newest backup has rotted: the one before it is taken, and it is said."""
    result = night.prove(
        refserver_night(
            page="sqlite_corruption",
            variant="newest_bad",
            harm=fault("sqlite_damaged", kind="header"),
            backups=newest_is_bad,
            rpo=0,
        )
    )
    assert result.recovery is not None
    notes = [told.event.get("sentence", "") for told in result.recovery.told if told.is_step(state="note")]
    assert any("is not used" in note for note in notes)
