"""Sets are taken, proved, looked at and put back by the oldest Python that a host may have."""

from __future__ import annotations

import pytest

from agent.backup import actions
from agent.systems import refserver
from agent.systems.refserver import Refserver
from tests.at_rest.conftest import Shelf
from tests.pythons import OLD, python


@pytest.mark.parametrize("version", OLD)
def test_an_old_python_takes_proves_and_restores(shelf: Shelf, version: str) -> None:
    """RHEL 9 and Debian 11 have Python 3.9, Ubuntu 22.04 has 3.10: everything is done by them too."""
    old = python(version)
    if not old:
        pytest.skip(f"this machine has no Python {version}")
    shelf.service.settings["python"] = old  # type: ignore[index]
    shelf.take("daily")
    shelf.library.fill(5, 100)
    newest = shelf.take("hourly")
    state = shelf.library.state()
    assert newest.parent
    system = Refserver.of(shelf.service)
    assert shelf.do(refserver.inspect(system, newest)).sound
    shelf.library.fill(50, 500)
    shelf.do(refserver.restore(system, newest))
    assert shelf.library.state() == state
    assert shelf.do(actions.verify(shelf.service)).verified
