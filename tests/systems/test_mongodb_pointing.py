"""MongoDB's verbs point an application to another address: by the secret it reads, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.errors import BadInventory, Usage
from agent.runbook.load import load_page
from agent.systems import mongodb
from agent.systems.mongodb import Mongodb, Pointed
from agent.transport.ask import Note, Sh
from tests.secrets_manager import inventory


def test_no_secret_no_switch(tmp_path: Path) -> None:
    """Where the application has its address from its environment, that is said and nothing is done."""
    service = inventory(tmp_path, "http://127.0.0.1:1", "x", aws_secret_id=None)
    for action in (
        mongodb.point_application(Mongodb.of(service)),
        mongodb.point_back(Mongodb.of(service)),
    ):
        assert isinstance(next(action), Note)
        with pytest.raises(StopIteration) as end:
            action.send(None)
        assert end.value.value == Pointed("")


@pytest.mark.parametrize("verb", [mongodb.point_application, mongodb.point_back])
def test_where_a_secret_was_to_be_switched_there_has_to_be_one(tmp_path: Path, verb: Any) -> None:
    """Else the application would be restarted on the address it had, and all would look well."""
    service = inventory(tmp_path, "http://127.0.0.1:1", "x", aws_secret_id=None)
    with pytest.raises(BadInventory, match="aws_secret_id"):
        next(verb(Mongodb.of(service), needed=True))


def test_how_an_application_is_told_is_known_before_anything_is_done(tmp_path: Path) -> None:
    """A slip of the pen would else restore everything and switch nobody."""
    there = Mongodb.of(inventory(tmp_path, "http://127.0.0.1:1", "x"))
    for by in ("environment", "secret"):
        assert not list(mongodb.told_by(there, by))
    with pytest.raises(Usage, match="by=environment or by=secret, found by=secrt"):
        list(mongodb.told_by(there, "secrt"))
    without = Mongodb.of(inventory(tmp_path, "http://127.0.0.1:1", "x", aws_secret_id=None))
    assert not list(mongodb.told_by(without, "environment"))
    with pytest.raises(BadInventory, match="aws_secret_id"):
        list(mongodb.told_by(without, "secret"))
    for page in ("mongodb_pitr", "mongodb_cluster_loss", "region_switch"):
        assert load_page(page).steps[0].do == "mongodb.told_by"


@pytest.mark.parametrize(
    "units",
    [{"unit": "drillyard-capture@mongo1"}, {"unit": "my-capture", "capture_unit": "my-capture"}],
    ids=["by its name", "by its other key"],
)
def test_the_capture_is_not_the_server(tmp_path: Path, units: dict[str, str]) -> None:
    """Whoever retires the server would stop the capture in its place; two keys, two units."""
    with pytest.raises(BadInventory, match=r"hosts\.yml.*which is its capture"):
        Mongodb.of(inventory(tmp_path, "http://127.0.0.1:1", "x", **units))
    sound = Mongodb.of(inventory(tmp_path, "http://127.0.0.1:1", "x"))
    assert (sound.unit, sound.capture_unit) == ("mongo1", "drillyard-capture@mongo1")


def test_a_secret_is_switched_by_its_provider(tmp_path: Path) -> None:
    """The program is told the secret's name, and the address travels as a secret."""
    service = inventory(tmp_path, "http://127.0.0.1:1", "chat-app/database")
    ask = next(mongodb.point_application(Mongodb.of(service)))
    assert isinstance(ask, Sh)
    assert ask.argv[1:] == ("-P", "-m", "agent.providers.aws", "switch")
    assert b'"secret":"chat-app/database"' in ask.stdin
    assert ask.secrets["DRILLYARD_AWS_VALUE"] == service.secret("spare_app_uri")
    back = next(mongodb.point_back(Mongodb.of(service)))
    assert isinstance(back, Sh)
    assert back.argv[-1] == "back"
    assert "DRILLYARD_AWS_VALUE" not in back.secrets
