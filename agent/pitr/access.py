"""The application's user on a restored server: no server tells passwords, but its address has it."""

from __future__ import annotations

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.uri_parser import parse_uri

from agent.errors import BadInventory, StepFailed
from agent.pitr.catalog import accounts, from_json
from agent.pitr.model import Admitted
from agent.pitr.reach import way_to
from agent.pitr.server import Client, connect, hide, words
from agent.pitr.store import Store


def admit(store: Store, at: str, into: str, app: str, *, make: bool = True) -> Admitted:
    """See that the user of the address `app` can log in at `into`; where it is missing there, make it.

    It gets the roles that it had at the source when the base was taken. Without `make` it is only tried: a
    provider that keeps the users lets no command of the server do so.

    Raises:
        BadInventory: the address makes no sense.
        StepFailed: nothing tells the user's roles, or the server has it with another password.
    """
    name, password, db = _who(app)
    if not name:
        return Admitted("", made=False)
    client = connect(into, 30)
    try:
        with words("The restored server"):
            if not make or _known(client, name, db):
                roles: tuple[str, ...] = ()
                made = False
            else:
                roles = _make(client, store, at, (name, password, db))
                made = True
            _log_in(into, (name, password, db))
    finally:
        client.close()
    return Admitted(f"{name}@{db}", made, roles)


def _who(app: str) -> tuple[str, str, str]:
    hide(app)
    try:
        said = parse_uri(app, validate=False, connect_timeout=2)
    except (PyMongoError, ValueError):
        raise BadInventory(
            "The application's connection string makes no sense to MongoDB's driver."
        ) from None
    db = said["options"].get("authSource") or said["database"] or "admin"
    return str(said["username"] or ""), str(said["password"] or ""), str(db)


def _known(client: Client, name: str, db: str) -> bool:
    return any((each["user"], each["db"]) == (name, db) for each in accounts(client)["users"])


def _make(client: Client, store: Store, at: str, who: tuple[str, str, str]) -> tuple[str, ...]:
    name, password, db = who
    known = from_json(way_to(store, at).base.accounts)["users"]
    mine = next((each for each in known if (each["user"], each["db"]) == (name, db)), None)
    if mine is None:
        raise StepFailed(
            f"Expected the base to know the roles of the application's user {name}@{db}, found no such user.",
            do="Make it on the new server by hand (createUser), then run `drillyard resume latest`.",
        )
    try:
        client[db].command("createUser", name, pwd=password, roles=mine["roles"])
    except OperationFailure as error:
        # Its details repeat the command, and the command has the password.
        raise StepFailed(f"The new server does not make {name}@{db}: code {error.code}.") from None
    return tuple(sorted(f"{role['role']}@{role['db']}" for role in mine["roles"]))


def _log_in(into: str, who: tuple[str, str, str]) -> None:
    name, password, db = who
    # Its options, TLS above all, are those by which we got there ourselves.
    user: Client = MongoClient(into, username=name, password=password, authSource=db, appname="drillyard")
    try:
        user.admin.command("connectionStatus")
    except OperationFailure:
        raise StepFailed(
            f"Expected {name}@{db} to log in at the new server, found that it refuses the password of "
            "spare_app_uri.",
            do="Correct that secret, or the password there (changeUserPassword); then resume.",
        ) from None
    finally:
        user.close()
