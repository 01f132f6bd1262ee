"""What an inventory says of a cluster on Atlas is checked before anybody is asked anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.errors import BadInventory
from agent.inventory.model import Service, Where
from agent.providers.atlas.settings import Atlas
from agent.secrets import Secret

SECRET = Secret("env", "CHAT_ATLAS_SECRET", "hosts.yml:9")
GOOD: dict[str, Any] = {
    "project": "6902b122abf4374f32996ea1",
    "cluster": "chat",
    "spare": "chat-dr",
    "client_id": "mdb_sa_id_66f1",
    "client_secret": SECRET,
}


def _of(**more: Any) -> Atlas:
    settings = {key: value for key, value in {**GOOD, **more}.items() if value is not None}
    return Atlas.of(Service("mongodb", "mongo1", "atlas", "chat", settings, Where("hosts.yml", 7)))


def test_the_playbook_s_figures_are_the_defaults() -> None:
    """M20, three nodes, on AWS, at Atlas's own address."""
    found = _of()
    assert (found.tier, found.nodes, found.cloud, found.api) == ("M20", 3, "AWS", "https://cloud.mongodb.com")
    assert not found.key
    assert found.secrets == {"DRILLYARD_ATLAS_SECRET": SECRET}


def test_an_api_key_is_the_other_way_in() -> None:
    """By its two halves."""
    found = _of(client_id=None, client_secret=None, public_key="abcdefgh", private_key=SECRET)
    assert found.key
    assert found.identity == "abcdefgh"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"project": None}, "without the setting 'project'"),
        ({"project": "chat"}, "24 hexadecimal digits of a project, found 'chat'"),
        ({"cluster": "chat db"}, "a cluster's name"),
        ({"spare": "chat"}, "another cluster than `cluster`"),
        ({"spare": None}, "without the setting 'spare'"),
        ({"tier": "M5"}, "M10 or larger, which has backups to a moment, found 'M5'"),
        ({"nodes": 2}, "3, 5 or 7, found 2"),
        ({"api": "http://cloud.mongodb.com"}, "https://"),
        ({"api": "https://u:hunter2hunter2@x"}, "found something else"),
        ({"every": 0}, "seconds between two looks"),
        ({"address": "srv"}, "standardSrv, standard"),
        ({"client_id": None, "client_secret": None}, "found neither"),
        ({"public_key": "abcdefgh", "private_key": SECRET}, "found both"),
        ({"client_secret": None}, "a reference to the secret half of a service account"),
        ({"client_secret": "written-out"}, "written out"),
        ({"client_id": None}, "the public half of a service account"),
        ({"client_id": SECRET}, "text, the public half"),
    ],
)
def test_each_mistake_is_named_with_its_place(more: dict[str, Any], words: str) -> None:
    """File and line, what was expected, what was found; never a secret."""
    with pytest.raises(BadInventory, match=r"hosts\.yml:7") as refused:
        _of(**more)
    assert words in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_stand_in_on_this_machine_needs_no_tls() -> None:
    """Only there."""
    assert _of(api="http://127.0.0.1:8080/").api == "http://127.0.0.1:8080"


def test_what_the_program_is_told_holds_no_secret(tmp_path: Path) -> None:
    """The spec travels in clear and its digest stands in the journal."""
    where = tmp_path / "secret"
    where.write_text("sk-very-secret-indeed")
    spec = _of(client_secret=Secret("file", str(where))).spec()
    assert "very-secret" not in str(spec)
