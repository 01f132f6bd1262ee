"""The history: pages that fit each other, filters, and how it is where there is none or it is damaged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from agent.backup import catalog
from agent.backup.model import Verified
from tests.api.conftest import Api

PATH = "/admin/backup/history"


def pages(api: Api, **wanted: Any) -> list[dict[str, Any]]:
    """Go from page to page to the end."""
    found = [api.ask("GET", PATH, params=wanted).json()]
    while found[-1]["next"]:
        found.append(api.ask("GET", PATH, params={**wanted, "cursor": found[-1]["next"]}).json())
    return found


def test_pages_fit_each_other(api: Api) -> None:
    """Every backup once, the newest first, also where a new one is taken and an old one goes in between."""
    known = api.world.known(23)
    found = pages(api, limit=5)
    assert [len(page["backups"]) for page in found] == [5, 5, 5, 5, 3]
    assert {page["total"] for page in found} == {23}
    assert [each["id"] for page in found for each in page["backups"]] == [each.id for each in known]
    first = api.ask("GET", PATH, params={"limit": 5}).json()
    service = api.world.ward.host().service("refserver")
    api.world.ward.ask(api.world.ward.host(), catalog.forget(service, [known[4].id]))
    second = api.ask("GET", PATH, params={"limit": 5, "cursor": first["next"]}).json()
    assert [each["id"] for each in second["backups"]] == [each.id for each in known[5:10]]


def test_filters(api: Api) -> None:
    """By kind, by how deep it was verified, by time; together, too."""
    known = api.world.known(9)
    assert len(pages(api, kind="daily")[0]["backups"]) == 3
    assert pages(api, kind="weekly")[0]["backups"] == []
    shallow = Verified("checksum", known[0].taken_at, "")
    service = api.world.ward.host().service("refserver")
    worse = (replace(known[1], verified=None), replace(known[2], verified=shallow))
    for each in worse:
        api.world.ward.ask(api.world.ward.host(), catalog.record(service, each))
    counts = {
        depth: pages(api, verified=depth)[0]["total"] for depth in ("", "checksum", "opens", "restored")
    }
    assert counts == {"": 9, "checksum": 8, "opens": 7, "restored": 7}
    span = {"since": known[5].taken_at, "until": known[2].taken_at}
    assert [each["id"] for each in pages(api, **span)[0]["backups"]] == [each.id for each in known[3:6]]
    assert pages(api, kind="daily", **span)[0]["total"] == 1


def test_where_a_backup_lies_is_not_told(api: Api) -> None:
    """Nothing of the host's paths."""
    api.world.known(3)
    assert str(api.world.folder) not in api.ask("GET", PATH).text


@pytest.mark.parametrize(
    "wanted",
    [{"limit": 0}, {"limit": 201}, {"limit": "x"}, {"kind": "../x"}, {"since": "soon"}, {"cursor": "x"},
     {"verified": "deeply"}, {"nothing": "1"}],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(api: Api, wanted: dict[str, Any]) -> None:
    """Rather than left out."""
    assert api.ask("GET", PATH, params=wanted).status_code == 422


def test_none_yet_and_a_damaged_one(api: Api) -> None:
    """Without a history there are none; one that cannot be read is said, and nothing is restored by it."""
    assert api.ask("GET", PATH).json()["backups"] == []
    place = api.world.folder / "data/backups/metadata/backup_history.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("{")
    assert api.ask("GET", PATH).status_code == 409
    assert api.ask("POST", "/admin/backup/restore/unified_20250120_030000").status_code == 409
    assert not list(api.world.runs.glob("*/journal.jsonl"))


def test_a_host_that_is_not_reached(api: Api) -> None:
    """Nothing can be said of it, and nothing is begun."""
    (known,) = api.world.known(1)
    api.world.inventory_of(ansible_connection="ssh", ansible_host="127.0.0.1", ansible_port=1)
    assert api.ask("GET", PATH).status_code == 503
    for path in (f"/admin/backup/restore/{known.id}", "/admin/backup"):
        assert api.ask("POST", path).status_code == 503
    assert not api.desk.book.open_ones()
    api.world.inventory.write_text("all: {hosts: {other: }}")
    assert api.ask("GET", PATH).status_code == 503
    assert api.ask("GET", "/health").json()["inventory"] is False


def test_it_can_be_mounted(api: Api) -> None:
    """By any ASGI application, below any path: the routes, the token, the way to the operation."""
    api.world.known(1)
    api.app = Starlette(routes=[Mount("/ops", app=api.app)])  # type: ignore[assignment]
    assert api.ask("GET", f"/ops{PATH}", headers={}).status_code == 401
    assert api.ask("GET", f"/ops{PATH}").json()["total"] == 1
    assert api.ask("GET", "/ops/health", headers={}).status_code == 200
    said = api.ask("POST", "/ops/admin/backup")
    assert said.headers["location"] == f"/ops/admin/operations/{said.json()['id']}"
    assert api.ask("GET", said.headers["location"]).status_code == 200
