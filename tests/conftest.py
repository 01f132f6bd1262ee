"""Fixtures for every test."""

import os

import pytest

from agent import secrets
from tests.cluster import cluster
from tests.mongo_standin import mongo_server
from tests.secrets_manager import manager
from tests.sshd import sshd

__all__ = ["cluster", "manager", "mongo_server", "secrets_of_one_test", "sshd"]


def pytest_configure() -> None:
    """What is asserted is said in English, whoever runs the tests; one about a language sets it itself."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG", "LANGUAGE"):
        os.environ.pop(name, None)


@pytest.fixture(autouse=True)
def secrets_of_one_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test reveals is masked in that test alone: its secret may be a word in the paths of the next."""
    monkeypatch.setattr(secrets, "_seen", set(secrets._seen))
