"""A wrong query on a MongoDB that Atlas runs: restored by its Admin API, proved and kept up to date by us."""

from __future__ import annotations

import pytest

from drills.rig.fault import fault
from drills.rig.plugin import Night
from drills.subjects.atlas_night import SIMULATED, captured_on_atlas
from drills.subjects.mongodb_night import mongodb_night, spare_is_captured


@pytest.mark.nightly
def test_mongodb_pitr_atlas(night: Night) -> None:
    """The same page: Atlas restores the moment before, and what users wrote since is still there."""
    course = mongodb_night(
        harm=fault("wrong_query", deleted=8, altered=4),
        drill="mongodb_pitr",
        page="mongodb_pitr",
        variant="atlas",
        rpo=0,
        services=("redis1", "mongo1", "mongo-dr", "api1"),
        backups=captured_on_atlas,
        resumed=spare_is_captured,
        simulated=SIMULATED,
    )
    night.prove(course)
