"""Operations: guard rails, one at a time, one under a key, and what is said of those the server died in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent import secrets
from agent.api import operations
from agent.api.desk import FRESH, Asked
from agent.api.operations import Book, Operation, new_id
from agent.errors import BadJournal
from agent.record.lock import Owner
from tests.api.conftest import Api, World

RESTORE = "/admin/backup/restore/"


@pytest.fixture
def short(world: World) -> Iterator[Api]:
    """The API of a world whose page is one line in a file, with three backups that are said to be sound."""
    world.short_page()
    world.known(3)
    made = Api(world)
    yield made
    (world.folder / "gate").unlink(missing_ok=True)
    made.desk.close(300)


def ids(api: Api) -> list[str]:
    """The backups, the newest first."""
    return [each.id for each in api.world.ward.history()]


def test_a_production_host_is_named(short: Api) -> None:
    """Without its name, or with another's, nothing is begun; with it, it is. Elsewhere no name is needed."""
    name = ids(short)[0]
    assert short.ask("POST", RESTORE + name, json={"confirm": "ref2"}).status_code == 403
    short.world.inventory_of(env="production")
    for body in (None, {}, {"confirm": ""}, {"confirm": "ref2"}, {"reason": "now"}):
        said = short.ask("POST", RESTORE + name, json=body)
        assert (said.status_code, said.json()["type"]) == (403, "urn:drillyard:refused"), body
    assert '{"confirm": "ref1"}' in said.text.replace("\\", "")
    assert not short.world.restored()
    assert not short.desk.book.open_ones()
    said = short.ask("POST", RESTORE + name, json={"confirm": "ref1", "reason": "incident 43"})
    assert said.status_code == 202
    assert short.ended(said.json()["id"])["state"] == "done"
    assert short.world.restored() == [name]
    (ordered,) = [line for line in short.world.audit() if line["event"] == "run"]
    assert ordered["reason"] == "incident 43"


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e",
        "a/../b",
        "x%00",
        "a" * 101,
        "-x",
        "a b",
        "x;id",
        ".",
    ],
)
def test_an_id_is_never_a_path(short: Api, name: str) -> None:
    """What is no id is refused by its shape; what is one and unknown is not there. Nothing is looked for."""
    assert short.ask("POST", RESTORE + name).status_code in (404, 405, 422)
    assert short.ask("GET", f"/admin/operations/{name}").status_code in (404, 422)
    assert short.ask("POST", f"{RESTORE}unified_20250120_030000").status_code == 404
    assert short.ask("GET", "/admin/operations/op_000000000000000000000000").status_code == 404
    assert not list(short.world.runs.glob("*/journal.jsonl"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"fault": "its bytes are not those that were taken"},
        {"verified": None},
        {"taken_at": "2999-01-01T00:00:00+00:00"},
    ],
)
def test_a_backup_that_cannot_be_relied_on(short: Api, wrong: dict[str, Any]) -> None:
    """Is refused before anything begins; its sound twin is not."""
    from agent.backup import catalog

    host = short.world.ward.host()
    (sound, bad, _) = short.world.ward.history()
    short.world.ward.ask(host, catalog.record(host.service("refserver"), replace(bad, **wrong)))
    said = short.ask("POST", RESTORE + bad.id)
    assert (said.status_code, said.json()["type"]) == (409, "urn:drillyard:damaged")
    said = short.ask("POST", RESTORE + sound.id)
    assert short.ended(said.json()["id"])["state"] == "done"
    assert short.world.restored() == [sound.id]


def test_one_at_a_time(short: Api) -> None:
    """While one is under way a second one is told so, backups too; afterwards there may be another."""
    (short.world.folder / "gate").touch()
    first, second, _ = ids(short)
    begun = short.ask("POST", RESTORE + first).json()["id"]
    for path in (RESTORE + second, "/admin/backup"):
        said = short.ask("POST", path)
        assert (said.status_code, said.json()["type"]) == (409, "urn:drillyard:busy")
        assert begun in said.text
    assert short.ask("GET", f"/admin/operations/{begun}").json()["state"] == "running"
    (short.world.folder / "gate").unlink()
    assert short.ended(begun)["state"] == "done"
    said = short.ask("POST", RESTORE + second)
    assert short.ended(said.json()["id"])["state"] == "done"
    assert short.world.restored() == [first, second]


def test_somebody_elses_lock_is_respected(short: Api) -> None:
    """A run from elsewhere is at work on the host: 409 names it, and nothing is begun."""
    lock = short.world.folder / "state/locks/refserver"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text(json.dumps(vars(Owner("r1", "ann@laptop", "incident", "2026-01-01T00:00:00+00:00"))))
    name = ids(short)[0]
    for path in (RESTORE + name, "/admin/backup"):
        said = short.ask("POST", path)
        assert said.status_code == 409
        assert "run r1 of ann@laptop" in said.json()["detail"]
    lock.unlink()
    said = short.ask("POST", RESTORE + name)
    assert short.ended(said.json()["id"])["state"] == "done"


def test_one_under_a_key(short: Api) -> None:
    """Asked again it is the same one, also of the next server; for something else the key is refused."""
    first, second, _ = ids(short)
    keyed = {**short.headers, "Idempotency-Key": "night-43"}
    begun = [short.ask("POST", RESTORE + first, headers=keyed).json()["id"] for _ in range(2)]
    assert len({*begun}) == 1
    assert short.ended(begun[0])["state"] == "done"
    for path, body in ((RESTORE + second, None), (RESTORE + first, {"reason": "x"}), ("/admin/backup", None)):
        said = short.ask("POST", path, headers=keyed, json=body)
        assert (said.status_code, said.json()["type"]) == (422, "urn:drillyard:key-reused")
    short.desk.close(300)
    again = Api(short.world)
    assert again.ask("POST", RESTORE + first, headers=keyed).json()["id"] == begun[0]
    theirs = {**short.world.token("restore", name="theirs"), "Idempotency-Key": "night-43"}
    other = again.ask("POST", RESTORE + first, headers=theirs).json()["id"]
    assert other != begun[0]
    again.ended(other)
    assert short.world.restored() == [first, first]
    assert "night-43" not in "".join(path.read_text() for path in (short.world.runs / "api").glob("*.json"))
    again.desk.close(300)


@pytest.mark.parametrize(("key", "codes"), [("one", [202] * 4), ("", [202, 409, 409, 409])])
def test_four_at_the_same_moment(short: Api, key: str, codes: list[int]) -> None:
    """Under one key they are one operation; without one, the first is it and the others are told so."""
    (short.world.folder / "gate").touch()
    name = ids(short)[0]
    headers = {**short.headers, **({"Idempotency-Key": key} if key else {})}
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda _: short.ask("POST", RESTORE + name, headers=headers), range(4)))
    assert sorted(each.status_code for each in said) == codes
    begun = {each.json()["id"] for each in said if each.status_code == 202}
    assert len(begun) == 1
    (short.world.folder / "gate").unlink()
    assert short.ended(begun.pop())["state"] == "done"
    assert short.world.restored() == [name]


def test_no_secret_in_what_is_kept(short: Api) -> None:
    """A reason that quotes a password or a token is masked in operation, audit and answer."""
    secrets.never_show("correcthorse")
    reason = f"the password is correcthorse, mine is {short.world.text}"
    said = short.ask("POST", RESTORE + ids(short)[0], json={"reason": reason})
    ended = short.ended(said.json()["id"])
    kept = "".join(path.read_text() for path in short.world.runs.rglob("*.json*"))
    assert "correcthorse" not in kept + said.text + str(ended)
    assert short.world.text not in kept + said.text + str(ended)
    assert secrets.MASK in ended["reason"]


def cut_off(world: World) -> tuple[Operation, Path]:
    """Leave what a server that died in a restore leaves: operation, run with one step under way, lock."""
    api = Api(world)
    (world.folder / "gate").touch()
    token = world.tokens.read()[0]
    operation = api.desk.restore(Asked(token, "127.0.0.1"), ids(api)[0])
    while not world.restored():
        api.desk._thread.join(0.02)  # type: ignore[union-attr]
    api.desk.close(0)
    api.desk._settle = lambda _: None  # type: ignore[method-assign]
    (world.folder / "gate").unlink()
    api.desk._thread.join(300)  # type: ignore[union-attr]
    return operation, world.runs / operation.run


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("no lock", "nobody has it"),
        ("their lock", "run r9 of bob"),
        ("old", "its last word is"),
        ("no run", ""),
    ],
)
def test_what_is_not_gone_on_with(short: Api, wrong: str, why: str) -> None:
    """A lock that was broken or taken, a run of long ago: a person decides, and the command is said."""
    world = short.world
    short.desk.close(300)
    operation, folder = cut_off(world)
    lock = world.folder / "state/locks/refserver"
    journal = folder / "journal.jsonl"
    if wrong == "no lock":
        lock.unlink()
    if wrong == "their lock":
        lock.write_text(json.dumps(vars(Owner("r9", "bob", "", ""))))
    if wrong == "old":
        long_ago = (datetime.now(UTC) - FRESH - timedelta(minutes=1)).isoformat()
        lines = [{**json.loads(line), "at": long_ago} for line in journal.read_text().splitlines()]
        journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    if wrong == "no run":
        journal.unlink()
    again = Api(world)
    again.desk.take_up()
    found = again.ask("GET", f"/admin/operations/{operation.id}").json()
    assert found["state"] == "unknown"
    assert why in found["sentence"]
    assert found["resume"] == f"drillyard resume {operation.run}"
    assert len(world.restored()) == 1
    again.desk.close(300)


def test_what_is_gone_on_with(short: Api) -> None:
    """With its own lock there and a fresh word it is; what was done is not done again."""
    short.desk.close(300)
    operation, _ = cut_off(short.world)
    lock = short.world.folder / "state/locks/refserver"
    assert operation.run in lock.read_text()
    again = Api(short.world)
    again.desk.take_up()
    found = again.ended(operation.id)
    assert (found["state"], found["lives"]) == ("done", 2)
    assert len(short.world.restored()) == 1
    assert not lock.exists()
    again.desk.close(300)


def test_what_a_journal_says_is_believed(short: Api) -> None:
    """The server died after the run had ended and before it could say so."""
    name = ids(short)[0]
    begun = short.ask("POST", RESTORE + name).json()["id"]
    short.ended(begun)
    kept = short.desk.book.find(begun)
    short.desk.book.write(replace(kept, state="running", ended=""))
    short.desk.close(300)
    again = Api(short.world)
    again.desk.take_up()
    assert again.ask("GET", f"/admin/operations/{begun}").json()["state"] == "done"
    assert short.world.restored() == [name]
    again.desk.close(300)


@pytest.mark.parametrize(("kind", "state"), [("backup", "unknown"), ("restore", "failed")])
def test_a_death_before_or_without_a_run(short: Api, kind: Any, state: str) -> None:
    """A backup under way is unknown; a restore that had no run yet has asked nothing of the host."""
    left = Operation(new_id(), kind, "refserver", "ref1", "running", "x", "x", datetime.now(UTC).isoformat())
    short.desk.book.write(left)
    short.desk.take_up()
    assert short.desk.book.find(left.id).state == state


def test_a_restore_that_fails_says_why(short: Api) -> None:
    """Its sentence is the run's; a page that cannot be carried out fails, and the lock is free again."""
    page = short.world.folder / "pages/short.yml"
    page.write_text(page.read_text().replace("echo", "echo no room >&2; exit 3; echo"))
    begun = short.ask("POST", RESTORE + ids(short)[0]).json()["id"]
    found = short.ended(begun)
    assert (found["state"], found["steps"][-1]["state"]) == ("failed", "failed")
    assert "no room" in found["sentence"]
    assert not (short.world.folder / "state/locks/refserver").exists()


def test_operations_of_long_ago_are_forgotten(tmp_path: Path) -> None:
    """Ended ones; one that is still open, or fresh, is kept. A damaged one is said."""
    old = (datetime.now(UTC) - operations.KEPT - timedelta(days=1)).isoformat()
    book = Book(tmp_path)
    facts = ("restore", "refserver", "ref1")
    made = [
        Operation(new_id(), *facts, state, "x", "x", begun)  # type: ignore[arg-type]
        for state, begun in (("done", old), ("running", old), ("done", datetime.now(UTC).isoformat()))
    ]
    for each in made:
        book.write(each)
    book.close()
    again = Book(tmp_path)
    assert {*again._known} == {each.id for each in made[1:]}
    again.close()
    (tmp_path / f"{new_id()}.json").write_text("{")
    with pytest.raises(BadJournal, match="Move it aside"):
        Book(tmp_path)
