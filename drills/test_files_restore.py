"""PDF files of RefServer vanish or rot under load; each comes back from whichever backup has it."""

from __future__ import annotations

import pytest

from drills.rig.fault import fault
from drills.rig.plugin import Night
from drills.subjects.refserver_backups import daily_and_hourly
from drills.subjects.refserver_night import refserver_night

pytestmark = pytest.mark.nightly


@pytest.mark.parametrize("kind", ["deleted", "rotten"])
def test_files_restore(night: Night, kind: str) -> None:
    """Users download again what they uploaded, byte for byte; the service is not stopped for it."""
    night.prove(
        refserver_night(
            page="files_restore",
            variant=kind,
            harm=fault("pdfs_lost", kind=kind),
            backups=daily_and_hourly,
            rpo=0,
        )
    )
