"""A running redis-server as the inventory's service, with a backup volume beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.inventory.model import Service
from tests.systems.server import Here, redis_here


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    """A running redis-server with some keys."""
    with redis_here(tmp_path) as server:
        server.start()
        for number in range(100):
            server.client.set(f"key:{number}", number)
        yield server


@pytest.fixture
def service(here: Here) -> Service:
    """The service it is in the inventory."""
    system = here.system
    settings = {
        name: getattr(system, name)
        for name in ("socket", "password", "data_dir", "user", "backup_dir", "python")
    }
    return Service("redis", "here", "systemd", "redis-server", settings)
