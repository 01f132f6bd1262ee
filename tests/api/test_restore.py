"""History, restore and backup over HTTP: a real server, real SQLite, vectors and files."""

from __future__ import annotations

import signal
import threading
from typing import Any

import httpx
import pytest

from tests.api import application
from tests.api.conftest import World

PAUSE = threading.Event()


def wait(url: str, headers: dict[str, str], operation: str) -> dict[str, Any]:
    """Ask until it has ended."""
    with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        while True:
            found: dict[str, Any] = client.get(f"/admin/operations/{operation}").json()
            if found["state"] != "running":
                return found
            PAUSE.wait(0.1)


def test_a_backup_is_taken_and_put_back(world: World) -> None:
    """The guide's own calls: history, restore by id; then rows, vectors and files are those of the backup."""
    url = world.serve()
    with httpx.Client(base_url=url, headers=world.holder, timeout=60) as client:
        said = client.post("/admin/backup", json={"kind": "daily"})
        assert said.status_code == 202
        taken = wait(url, world.holder, said.json()["id"])
        assert (taken["state"], taken["kind"]) == ("done", "backup"), taken
        before = world.library.state()
        world.library.fill(5, start=100)
        world.library.delete("doc3")
        world.library.database.write_bytes(b"ruins")

        history = client.get("/admin/backup/history").json()
        (entry,) = history["backups"]
        assert entry["id"] == taken["backup"]
        assert (entry["verified"], entry["contents"]["rows"]) == ("restored", 12)
        said = client.post(f"/admin/backup/restore/{entry['id']}")
        assert said.status_code == 202, said.text
        assert said.headers["location"] == f"/admin/operations/{said.json()['id']}"
        ended = wait(url, world.holder, said.json()["id"])
    assert ended["state"] == "done", ended
    assert [step["step"] for step in ended["steps"]][:4] == ["copy", "room", "stop", "restore"]
    assert {step["state"] for step in ended["steps"]} == {"done"}
    assert world.library.state() == before
    kept = list((world.folder / "data").rglob("drillyard-kept-*/refserver.db"))
    assert [path.read_bytes() for path in kept] == [b"ruins"]
    events = [line["event"] for line in world.audit()]
    assert {"api backup", "api restore", "api", "run", "end", "api end"} <= {*events}
    (ordered,) = [line for line in world.audit() if line["event"] == "api restore"]
    assert ordered["who"].startswith("all (")
    assert (ordered["from"], ordered["backup"]) == ("127.0.0.1", entry["id"])


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_a_restore_survives_the_death_of_its_server(world: World, sign: signal.Signals) -> None:
    """The next one goes on with it by its journal: the step that was done is not done again."""
    backup = world.take()
    before = world.library.state()
    world.library.fill(3, start=50)
    url = world.serve()
    headers = {**world.holder, "Idempotency-Key": "night-43"}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        (world.unit / "hold").touch()
        said = client.post(f"/admin/backup/restore/{backup.id}").json()
        while "stop" not in (world.unit / "asked").read_text().split():
            PAUSE.wait(0.02)
        world.processes[0].send_signal(sign)
        (world.unit / "hold").unlink()
        world.processes[0].wait(300)
    url = world.serve()
    ended = wait(url, world.holder, said["id"])
    assert ended["state"] == "done", ended
    assert ended["lives"] == 2
    assert world.library.state() == before
    assert (world.unit / "asked").read_text().split().count("stop") == 1
    again = httpx.post(f"{url}/admin/backup/restore/{backup.id}", headers=headers, timeout=60)
    assert (again.status_code, again.json()["id"]) == (202, said["id"])
    assert application.supervise(world.unit, "show") == 0
