"""MongoDB is lost with its disks under load; base and captured changes come back in the other region."""

from __future__ import annotations

from drills.rig.fault import fault
from drills.rig.plugin import Night
from drills.subjects.mongodb_night import mongodb_night, spare_is_captured


def test_mongodb_cluster_loss(night: Night) -> None:
    """Users are served by the spare, and miss what the capture had not heard of yet at most."""
    course = mongodb_night(
        harm=fault("instance_lost"),
        page="mongodb_cluster_loss",
        rpo=5.0,
        services=("redis1", "mongo1", "mongo-dr", "api1"),
        resumed=spare_is_captured,
    )
    night.prove(course)
