"""Who gets in, for what, how often, with how much; and that the audit has it without a secret."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from agent import secrets
from agent.api.gate import BODY
from agent.api.rates import Buckets, Rates
from agent.api.tokens import SCOPES
from agent.record import audit
from tests.api.conftest import Api, World

ROUTES = [
    ("GET", "/admin/backup/history", "read"),
    ("GET", "/admin/operations/op_000000000000000000000000", "read"),
    ("POST", "/admin/backup", "backup"),
    ("POST", "/admin/backup/restore/unified_20250120_030000", "restore"),
]


@pytest.mark.parametrize("method_path", [(method, path) for method, path, _ in ROUTES])
def test_without_a_token_nothing(api: Api, method_path: tuple[str, str]) -> None:
    """No token, another scheme, two of them, one that is not known: 401, and what is there is not told."""
    text = api.world.text
    for given in (
        [],
        [("Authorization", text)],
        [("Authorization", f"Basic {text}")],
        [("Authorization", f"Bearer {text}"), ("Authorization", f"Bearer {text}")],
        [("Authorization", f"Bearer {text[:-1]}")],
        [("Authorization", f"Bearer {text} {text}")],
        [("Authorization", "Bearer")],
        [("X-Authorization", f"Bearer {text}")],
    ):
        said = api.ask(*method_path, headers=given)  # type: ignore[arg-type]
        assert said.status_code == 401, given
        assert said.headers["www-authenticate"] == "Bearer"
        assert said.headers["content-type"] == "application/problem+json"
    assert api.ask(*method_path, headers=[], params={"token": text}).status_code == 401  # type: ignore[arg-type]
    assert api.ask(*method_path).status_code != 401


def test_a_stranger_learns_nothing(api: Api) -> None:
    """Not even which routes there are; health and the schema are for all, and name no data."""
    for path in ("/", "/docs", "/redoc", "/admin", "/admin/backup/restore/x/y", "/metrics"):
        assert api.ask("GET", path, headers={}).status_code == 401
        assert api.ask("GET", path).status_code == 404
    assert api.ask("POST", "/admin/backup", headers={}, content=b"{").status_code == 401
    assert api.ask("DELETE", "/admin/backup/history").status_code == 405
    health = api.ask("GET", "/health", headers={})
    assert health.json() == {"status": "ok", "inventory": True, "tokens": True, "audit": True}
    schema = api.ask("GET", "/openapi.json", headers={}).json()
    assert {*schema["paths"]} == {"/health", "/admin/backup/history", "/admin/backup",
        "/admin/backup/restore/{id}", "/admin/operations/{id}"}  # fmt: skip


@pytest.mark.parametrize("scope", SCOPES)
def test_a_token_is_for_its_scopes_alone(api: Api, scope: str) -> None:
    """None implies another: who may restore may not look, who may look may not have a backup taken."""
    headers = api.world.token(scope)
    for method, path, needed in ROUTES:
        said = api.ask(method, path, headers=headers)
        assert (said.status_code == 403) is (needed != scope), (path, said.text)
        if needed != scope:
            assert f'scope="{needed}"' in said.headers["www-authenticate"]
    api.ended("op_000000000000000000000000")


def test_who_began_an_operation_may_see_it(api: Api) -> None:
    """Without the scope to read; another such token may not."""
    api.world.short_page()
    api.desk.book.close()
    api = Api(api.world)
    mine, theirs = api.world.token("restore", name="mine"), api.world.token("restore", name="theirs")
    (backup,) = api.world.known(1)
    begun = api.ask("POST", f"/admin/backup/restore/{backup.id}", headers=mine).json()["id"]
    codes = [
        api.ask("GET", f"/admin/operations/{begun}", headers=each).status_code for each in (mine, theirs)
    ]
    assert codes == [200, 403]
    assert api.ended(begun)["state"] == "done"


def test_too_many_calls(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each token has its own bucket, and a smaller one for changes; who guesses hinders nobody."""
    monkeypatch.setattr("agent.api.gate.Buckets", lambda size: Buckets(size, lambda: 0.0))
    api = Api(world, Rates(calls=6, changes=2, strangers=3))
    other = world.token("read", name="other")
    posts = [api.ask("POST", "/admin/backup/restore/none") for _ in range(3)]
    assert [each.status_code for each in posts] == [404, 404, 429]
    assert int(posts[-1].headers["retry-after"]) in range(1, 31)
    gets = [api.ask("GET", "/admin/backup/history").status_code for _ in range(4)]
    assert gets == [200, 200, 200, 429]
    guesses = [api.ask("GET", "/admin/backup/history", headers={}).status_code for _ in range(5)]
    assert guesses == [401, 401, 401, 429, 429]
    assert api.ask("GET", "/admin/backup/history", headers=other).status_code == 200
    results = [line["result"] for line in world.audit() if line["event"] == "api"]
    assert 429 not in results
    assert sum(line.get("unnoted", 0) for line in world.audit()) == 4
    api.desk.close(1)


def test_the_audit_says_who_what_and_with_what_result(api: Api) -> None:
    """One line a call, chained; no token stands in it, whatever part of the call it was put into."""
    text = api.world.text
    api.ask("GET", "/admin/backup/history", params={"cursor": text})
    api.ask("GET", "/admin/backup/history", params={text: text})
    api.ask("POST", f"/admin/backup/restore/{text}%20x")
    api.ask("GET", f"/{text}")
    api.ask("GET", "/admin/backup/history", headers={"Authorization": f"Bearer {text}x"})
    api.ask("GET", "/health", headers={})
    lines = api.world.audit()
    assert [(line["what"], line["result"]) for line in lines] == [
        ("GET /admin/backup/history", 422),
        ("GET /admin/backup/history", 422),
        ("POST /admin/backup/restore/(no id)", 422),
        ("GET (no such route)", 404),
        ("GET (no such route)", 401),
    ]
    assert [line["who"].split(" ")[0] for line in lines] == ["all"] * 4 + ["nobody"]
    assert {line["from"] for line in lines} == {"192.0.2.1"}
    assert text.split("_", 2)[2] not in json.dumps(lines)
    assert audit.verify(api.world.runs).lines == 5


def test_what_cannot_be_audited_is_not_done(api: Api) -> None:
    """Neither answered nor begun."""
    backup = api.world.take()
    book = api.world.runs / audit.NAME
    book.unlink(missing_ok=True)
    assert api.ask("GET", "/admin/backup/history").status_code == 200
    book.rename(book.with_suffix(".aside"))
    book.mkdir()
    said = api.ask("GET", "/admin/backup/history")
    assert said.status_code == 503
    assert backup.id not in said.text
    said = api.ask("POST", f"/admin/backup/restore/{backup.id}")
    assert said.status_code == 503
    assert not api.desk.book.open_ones()
    assert not list(api.world.runs.glob("*/journal.jsonl"))
    assert "stop" not in (api.world.unit / "asked").read_text()


def test_tokens_that_cannot_be_read_let_nobody_in(api: Api) -> None:
    """A file that others can write is no file to trust: 503, and health says so."""
    assert api.ask("GET", "/admin/backup/history").status_code == 200
    api.world.tokens.path.chmod(0o666)
    assert api.ask("GET", "/admin/backup/history").status_code == 503
    health = api.ask("GET", "/health", headers={})
    assert (health.status_code, health.json()["tokens"]) == (503, False)
    api.world.tokens.path.chmod(0o600)
    assert api.ask("GET", "/admin/backup/history").status_code == 200


@pytest.mark.parametrize("told", [True, False])
def test_a_large_body_is_not_read(api: Api, told: bool) -> None:
    """Whether it says how long it is or not; one that fits is."""

    async def pieces(size: int) -> Any:
        for _ in range(size // 1000):
            yield b"x" * 1000
            await asyncio.sleep(0)

    fits, large = 4000, BODY + 1000
    for size, code in ((fits, 422), (large, 413)):
        body: Any = b"x" * size if told else pieces(size)
        assert api.ask("POST", "/admin/backup", content=body).status_code == code


def test_a_body_that_does_not_arrive(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not waited for for ever."""
    monkeypatch.setattr("agent.api.gate.BODY_WITHIN", 0.05)

    async def never() -> Any:
        yield b"{"
        await asyncio.sleep(30)

    assert api.ask("POST", "/admin/backup", content=never()).status_code == 408


def test_a_defect_tells_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The caller learns that there was one, the log where, and no secret stands in either."""
    secrets.never_show("swordfish")

    def broken(_: object) -> None:
        raise RuntimeError("the password is swordfish")

    monkeypatch.setattr(type(api.desk.ward), "history", broken)
    said = api.ask("GET", "/admin/backup/history")
    assert (said.status_code, said.json()["type"]) == (500, "urn:drillyard:defect")
    logged = capsys.readouterr().err
    assert "RuntimeError" in logged
    assert "swordfish" not in logged + said.text
    assert api.world.audit()[-1]["result"] == 500


def test_titles_in_korean(api: Api) -> None:
    """Where Accept-Language asks for it."""
    korean = {"Accept-Language": "ko-KR,ko;q=0.9,en;q=0.5"}
    assert api.ask("GET", "/nothing", headers=korean).json()["title"] == "등록된 토큰이 아닙니다."
    assert api.ask("GET", "/nothing", headers={}).json()["title"].startswith("No token")


def test_answers_are_not_kept_or_framed(api: Api) -> None:
    """By no cache and no browser."""
    headers = api.ask("GET", "/admin/backup/history").headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
