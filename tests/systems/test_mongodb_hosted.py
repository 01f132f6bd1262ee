"""What a provider surely has: a loss of contact while that is asked is unknown, and no reason to go on."""

import pytest

from agent.errors import ContactLost, NoBackup, Stopped
from agent.inventory.model import Service
from agent.systems.mongodb import Mongodb, hosted


def asked():
    """The search for such a moment, waiting for its first answer."""
    found = Service("mongodb", "mongo1", "docker", "mongo1", {"provider": "atlas"})
    action = hosted._sure(Mongodb(host="mongo1", backup_dir="/backup", hosted=found))
    next(action)
    return action


@pytest.mark.parametrize("end", [ContactLost("mongo1: gone."), Stopped("Stopped.")])
def test_what_is_unknown_stays_unknown(end):
    """Neither a lost connection nor a stop is taken for `nothing captured`."""
    with pytest.raises(type(end)):
        asked().throw(end)


def test_without_a_capture_the_latest_is_asked_for():
    """A capture that is not there leaves the choice to the provider."""
    with pytest.raises(StopIteration) as end:
        asked().throw(NoBackup("nothing is captured."))
    assert end.value.value == "latest"
