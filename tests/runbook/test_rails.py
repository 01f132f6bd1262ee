"""The guard of production hosts, however the inventory spells it."""

from __future__ import annotations

import pytest

from agent.errors import Refused
from agent.inventory import Host
from agent.runbook.rails import refuse


@pytest.mark.parametrize("env", ["production", "Production", "prod", "PRD", "LIVE ", "운영"])
def test_production_is_guarded_however_it_is_spelt(env: str) -> None:
    """Unless its name was given."""
    host = Host(name="db1", environment=env)
    with pytest.raises(Refused, match="db1 is a production host"):
        refuse([host], ())
    refuse([host], ("db1",))
    refuse([Host(name="db1", environment="rehearsal")], ())
