"""RefServer's database and vectors are damaged at once; all three come back to one instant."""

from __future__ import annotations

import pytest

from drills.rig.fault import fault
from drills.rig.plugin import Night
from drills.rig.recovery import Agent
from drills.subjects.by_hand import BackupRestore, Script
from drills.subjects.refserver_backups import daily_and_hourly, newest_is_bad
from drills.subjects.refserver_night import refserver_night

pytestmark = pytest.mark.nightly


@pytest.mark.parametrize("variant", ["newest", "newest_bad"])
def test_unified_restore(night: Night, variant: str) -> None:
    """No row lacks its vector or file, and no vector or file its row; what is newer is lost, and said."""
    night.prove(
        refserver_night(
            page="unified_restore",
            variant=variant,
            harm=fault("both_damaged"),
            backups=daily_and_hourly if variant == "newest" else newest_is_bad,
        )
    )


@pytest.mark.parametrize("agent", [BackupRestore, Script])
def test_unified_restore_by_other_names(night: Night, agent: type[Agent]) -> None:
    """`backup restore` and the guide's script choose that page and come to the same."""
    result = night.prove(
        refserver_night(
            page="unified_restore",
            variant=f"by_{agent.__name__.lower()}",
            harm=fault("both_damaged"),
            backups=daily_and_hourly,
            agent=agent,
        )
    )
    assert result.recovery is not None
    assert result.recovery.told[0].event["page"] == "unified_restore"
