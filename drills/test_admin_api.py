"""RefServer's database and vectors are damaged at once; the newest backup is put back by a call over HTTP."""

from __future__ import annotations

import pytest

from drills.rig.fault import fault
from drills.rig.plugin import Night
from drills.rig.recovery import Kill
from drills.subjects.by_api import ApiAgent
from drills.subjects.refserver_backups import daily_and_hourly
from drills.subjects.refserver_night import refserver_night

pytestmark = pytest.mark.nightly


@pytest.mark.parametrize("variant", ["called", "server_killed"])
def test_admin_api(night: Night, variant: str) -> None:
    """As by the command line; where the server dies in the restore, the next one goes on with it."""
    night.prove(
        refserver_night(
            page="unified_restore",
            variant=f"by_api_{variant}",
            harm=fault("both_damaged"),
            backups=daily_and_hourly,
            agent=ApiAgent,
            kills=(Kill("restore"),) if variant == "server_killed" else (),
        )
    )
