"""Fixtures for the systems that drills write to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.subjects.local_redis import Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server that is gone after the test."""
    folder = tmp_path / "redis"
    folder.mkdir()
    running = Server(folder)
    running.start()
    yield running
    running.kill()
