"""Fixtures for every test."""

import pytest

from agent import secrets
from tests.cluster import cluster
from tests.mongo_standin import mongo_server
from tests.secrets_manager import manager
from tests.sshd import sshd

__all__ = ["cluster", "manager", "mongo_server", "secrets_of_one_test", "sshd"]


@pytest.fixture(autouse=True)
def secrets_of_one_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test reveals is masked in that test alone: its secret may be a word in the paths of the next."""
    monkeypatch.setattr(secrets, "_seen", set(secrets._seen))
