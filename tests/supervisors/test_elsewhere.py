"""A service that runs on other hosts than its tools: nothing is done from here, and that is said."""

from __future__ import annotations

import pytest

from agent.errors import NotFound
from agent.inventory.model import Service, Where
from agent.supervisors import service as verbs
from agent.transport.fake import FakeRoad
from agent.transport.perform import perform

SERVICE = Service("mongodb", "tools", "elsewhere", "the set on mongo1 to mongo3", {}, Where("hosts.yml", 7))


@pytest.mark.parametrize("verb", [verbs.start, verbs.stop, verbs.restart])
def test_what_would_do_something_says_where(verb) -> None:
    """Nothing is asked of the host."""
    with pytest.raises(NotFound, match=r"hosts\.yml:7: .* the set on mongo1 to mongo3, which cannot be"):
        perform(verb(SERVICE), FakeRoad({}))


def test_how_it_is_nobody_knows_here() -> None:
    """A look is no failure: it says that it cannot tell."""
    assert perform(verbs.status(SERVICE), FakeRoad({})).state == "unknown"
    assert "own hosts" in str(next(verbs.logs(SERVICE)))
    assert perform(verbs.logs(SERVICE), FakeRoad({})) == ""
