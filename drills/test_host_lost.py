"""RefServer's host is lost with its disk under load; a spare takes its place, from off-site alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from drills.rig.altered import with_text
from drills.rig.fault import fault
from drills.rig.plugin import Night
from drills.subjects.refserver_offsite import HOST_GONE, offsite_night

# Its images take minutes to build the first time.
pytestmark = pytest.mark.nightly


@pytest.mark.parametrize("place", ["rsync", "s3"])
def test_host_lost(night: Night, place: str) -> None:
    """The spare has everything that had been sent away; what is newer is lost, and said."""
    night.prove(offsite_night(page="host_lost", harm=HOST_GONE, places=(place,), variant=place))


def test_host_lost_without_the_switch(night: Night, tmp_path: Path) -> None:
    """A page that restores and sends nobody there: the agent is content, users are not."""
    switch = '"{{ vars.take_over }} {{ vars.replaces }}"'
    pages = (with_text("host_lost", switch, '"true"', tmp_path),)
    course = offsite_night(
        page="host_lost", harm=HOST_GONE, places=("rsync",), variant="not_switched", pages=pages
    )
    result = night.live(course)
    assert result.verdict.word == "fail", str(result)


def test_host_lost_that_is_not(night: Night) -> None:
    """Nothing was lost: a fault without effect proves nothing."""
    course = offsite_night(page="host_lost", harm=fault("noop"), places=("rsync",), variant="noop")
    result = night.live(course)
    assert result.verdict.word == "unverified", str(result)
