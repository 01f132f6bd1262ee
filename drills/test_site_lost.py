"""RefServer's host and the backup host are lost under load; a spare serves in their place, from S3 alone."""

from __future__ import annotations

import pytest

from drills.rig.plugin import Night
from drills.subjects.refserver_offsite import SITE_GONE, offsite_night

# Its images take minutes to build the first time.
pytestmark = pytest.mark.nightly


def test_site_lost(night: Night) -> None:
    """The bucket alone has everything that had been sent there; what is newer is lost, and said."""
    night.prove(offsite_night(page="site_lost", harm=SITE_GONE, places=("rsync", "s3"), variant="s3"))
