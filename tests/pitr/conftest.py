"""Fixtures: a server of a test's own, as capture and restore work on all of one."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.mongo_standin import MongoServer


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Callable[[], MongoServer]]:
    """What starts an empty server each time it is called; they end with the test."""
    started: list[MongoServer] = []

    def another() -> MongoServer:
        server = MongoServer(tmp_path / f"data{len(started)}")
        started.append(server)
        server.start()
        return server

    yield another
    for each in started:
        each.kill()


@pytest.fixture
def server(servers: Callable[[], MongoServer]) -> MongoServer:
    """An empty server of the test's own."""
    return servers()
