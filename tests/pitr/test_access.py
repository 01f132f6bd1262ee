"""The application's user on a restored server: made with its roles, found, or refused with the reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.errors import BadInventory, StepFailed
from agent.pitr.access import admit
from agent.pitr.catalog import accounts
from agent.pitr.fill import give_accounts
from agent.pitr.model import Admitted, Record
from agent.pitr.programs import Spec, record
from agent.pitr.restore import restore
from agent.pitr.store import Store
from agent.systems.mongodb import restore as restore_by_page
from agent.transport.ask import Note
from agent.transport.perform import Forgetful
from tests.mongo_standin import MongoServer
from tests.pitr.captured_host import CapturedHost
from tests.pitr.capturing import capturing

ROLES = [{"role": "readWrite", "db": "shop"}]


def address(server: MongoServer, user: str = "chat:good", options: str = "?authSource=admin") -> str:
    """Return how the application reaches that server as that user."""
    return f"mongodb://{user}@127.0.0.1:{server.port}/shop{options}"


def test_who_is_not_restored_is_named(servers: Callable[[], MongoServer], tmp_path: Path) -> None:
    """Users with a password are told in the run: a person has to make them."""
    source, spare = servers(), servers()
    with source.client() as client:
        client.shop.a.insert_one({"_id": 1})
        client.admin.command("createUser", "chat", pwd="good", roles=ROLES)
        client.shop.command("createUser", "report", pwd="good", roles=ROLES)
    host = CapturedHost(tmp_path, source, spare)
    host.start()
    heard = Heard()
    try:
        host.based()
        done = host.do(restore_by_page(host.mongodb, host.caught_up()), heard)
    finally:
        host.close()
    assert done.users_missing == ("chat@admin", "report@shop")
    assert any("report@shop" in each and "by a person" in each for each in heard.notes)


class Heard(Forgetful):
    """A record of what an operator is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def asking(self, n: int, ask: Any) -> str:
        """Keep a note; name each job."""
        if isinstance(ask, Note):
            self.notes.append(str(ask))
        return f"heard.{id(self)}.{n}"


class Known:
    """A mongod as far as it tells and makes users: the stand-in has neither `$external` nor forAllDBs."""

    def __init__(self, users: list[dict[str, Any]]) -> None:
        self.users, self.made = users, []

    def __getitem__(self, db: str) -> Known:
        self.db = db
        return self

    def list_database_names(self) -> list[str]:
        """No database holds anything."""
        return []

    def command(self, verb: str, what: Any, **more: Any) -> dict[str, Any]:
        """Answer as a mongod does."""
        if verb == "createUser":
            self.made.append((self.db, what, more["roles"]))
        asked = self.users if what == {"forAllDBs": True} else [u for u in self.users if u["db"] == self.db]
        return {"users": asked, "roles": []}


def test_who_has_no_password_is_made() -> None:
    """Users of a database that holds nothing else are known too."""
    users = [
        {"user": "CN=bot", "db": "$external", "roles": ROLES},
        {"user": "ops", "db": "auth", "roles": ROLES},
    ]
    there = Known([])
    known = accounts(Known(users))
    assert known["users"] == users
    assert give_accounts(there, known) == (("ops@auth",), ())
    assert there.made == [("$external", "CN=bot", ROLES)]


def test_the_application_is_let_in(servers: Callable[[], MongoServer], tmp_path: Path) -> None:
    """Made once with the roles of the source; another password, an unknown user and nonsense are refused."""
    source, spare = servers(), servers()
    with source.client() as client:
        client.shop.a.insert_one({"_id": 1})
        client.admin.command("createUser", "chat", pwd="good", roles=ROLES)
    with capturing(source, tmp_path / "store") as captured:
        at = captured.caught_up(source)
    store = Store(tmp_path / "store")
    assert record(Spec(str(store.path), into=spare.uri)) == Record()
    assert restore(store, at, spare.uri).users_missing == ("chat@admin",)
    told = record(Spec(str(store.path), into=spare.uri))
    assert (told.at, told.seconds >= 0) == (at, True)
    with pytest.raises(StepFailed, match="refuses the password"):
        admit(store, at, spare.uri, address(spare), make=False)
    assert admit(store, at, spare.uri, address(spare)) == Admitted("chat@admin", True, ("readWrite@shop",))
    assert admit(store, at, spare.uri, address(spare)) == Admitted("chat@admin", False)
    with pytest.raises(StepFailed, match="refuses the password") as wrong:
        admit(store, at, spare.uri, address(spare, "chat:sesame"))
    assert "sesame" not in f"{wrong.value} {wrong.value.do}"
    with pytest.raises(StepFailed, match="no such user"):
        admit(store, at, spare.uri, address(spare, "nobody:good"))
    with pytest.raises(BadInventory, match="makes no sense"):
        admit(store, at, spare.uri, "nonsense://x")
    assert admit(store, at, spare.uri, f"mongodb://127.0.0.1:{spare.port}/shop") == Admitted("", False)
