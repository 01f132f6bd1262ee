"""Tokens: kept hashed, shown once, compared at one pace, revoked at once; what others write is refused."""

from __future__ import annotations

import hmac
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.api.tokens import SCOPES, Tokens
from agent.cli import main
from agent.errors import BadInventory, NotFound, Usage
from agent.record import audit


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    """A file that is not there yet."""
    return Tokens(tmp_path / "side/tokens.json")


def test_only_the_hash_is_kept(tokens: Tokens) -> None:
    """Neither the text nor its secret half stands in the file, which is its owner's alone."""
    made, text = tokens.add("deploy", ("restore", "read"))
    kept = tokens.path.read_text()
    assert text not in kept
    assert text.split("_", 2)[2] not in kept
    assert made.scopes == ("read", "restore")
    assert tokens.path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tokens.path.parent.iterdir()] == [tokens.path.name]


def test_a_token_is_known_by_all_of_it(tokens: Tokens) -> None:
    """The right one and no other: not one with a sign changed, of another's id, cut off, or longer."""
    made, text = tokens.add("deploy", ("read",))
    other, theirs = tokens.add("other", ("restore",))
    assert tokens.holder(text) == made
    assert tokens.holder(theirs) == other
    flipped = text[:-1] + ("A" if text[-1] != "A" else "B")
    swapped = text.replace(made.id, other.id)
    for wrong in (flipped, swapped, text[:-1], f"{text}A", f" {text}", "", "dy_", "é" * 90, "a" * 10_000):
        assert tokens.holder(wrong) is None, wrong
    assert tokens.holder(made.hash) is None


def test_every_comparison_is_the_constant_time_one(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for a token whose id is not known, or that is no token at all."""
    _, text = tokens.add("deploy", ("read",))
    compared = []

    def noted(one: str, other: str) -> bool:
        compared.append(len(one) == len(other))
        return hmac_compare(one, other)

    hmac_compare = hmac.compare_digest
    monkeypatch.setattr("agent.api.tokens.hmac.compare_digest", noted)
    for given in (text, text[:-1] + "!", "dy_000000000000_" + "x" * 43, "nonsense"):
        tokens.holder(given)
    assert compared == [True] * 4


def test_a_revoked_token_is_revoked_at_once(tokens: Tokens) -> None:
    """A second reader of the file, as a server is, sees it without being told; so does it see a new one."""
    server = Tokens(tokens.path)
    made, text = tokens.add("deploy", ("read",))
    assert server.holder(text) == made
    tokens.revoke("deploy")
    assert server.holder(text) is None
    again, text = tokens.add("deploy", ("read",))
    assert server.holder(text) == again
    tokens.revoke(again.id)
    with pytest.raises(NotFound, match="there is: none"):
        tokens.revoke("deploy")


def test_a_token_ends(tokens: Tokens) -> None:
    """With days it ends after them; without it does not."""
    now = datetime.now(UTC)
    short, forever = tokens.add("short", ("read",), 1)[0], tokens.add("ever", ("read",))[0]
    assert [short.is_over(now), short.is_over(now + timedelta(days=1, minutes=1))] == [False, True]
    assert not forever.is_over(now + timedelta(days=10_000))


def test_of_two_who_write_none_is_lost(tokens: Tokens) -> None:
    """Adding at the same time keeps all of them."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: Tokens(tokens.path).add(f"t{number}", SCOPES), range(16)))
    assert len(tokens.read()) == 16


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o620, 0o666])
def test_a_file_that_others_could_write_or_read_is_refused(tokens: Tokens, mode: int) -> None:
    """Whoever writes it lets himself in; 0600 and 0640 are sound."""
    tokens.add("deploy", ("read",))
    for sound in (0o600, 0o640):
        tokens.path.chmod(sound)
        assert tokens.read()
    tokens.path.chmod(mode)
    with pytest.raises(BadInventory, match="chmod 600"):
        tokens.read()


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"version": 9, "tokens": []}', b'{"version": 1, "tokens": [{"id": 3}]}', b"\xff"]
)
def test_a_damaged_file_lets_nobody_in(tokens: Tokens, content: bytes) -> None:
    """It is an error, and never an empty file."""
    tokens.path.parent.mkdir()
    tokens.path.write_bytes(content)
    tokens.path.chmod(0o600)
    with pytest.raises(BadInventory):
        tokens.holder("dy_000000000000_" + "x" * 43)


@pytest.mark.parametrize(
    ("name", "scopes"),
    [("deploy", ()), ("deploy", ("root",)), ("", ("read",)), ("a b", ("read",)), ("x" * 99, ("read",))],
)
def test_what_no_token_can_be(tokens: Tokens, name: str, scopes: tuple[str, ...]) -> None:
    """A scope that is none, a name that is none; nothing is written."""
    with pytest.raises(Usage):
        tokens.add(name, scopes)
    assert not tokens.path.exists()


def test_the_command_shows_it_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Alone on stdout; list and audit have its name and id only. In Korean where that is asked for."""
    inventory = tmp_path / "hosts.yml"
    inventory.write_text("all: {hosts: {a: }}\n")
    words = ["-i", str(inventory), "--runs", str(tmp_path / "runs"), "--lang", "ko"]
    assert main(["token", "add", "deploy", "--scope", "read", "--scope", "restore", *words]) == 0
    out, err = capsys.readouterr()
    text = out.strip()
    assert "한 번만 표시" in err
    assert text not in err
    beside = Tokens(tmp_path / ".hosts.yml.tokens.json")
    found = beside.holder(text)
    assert found
    assert found.scopes == ("read", "restore")
    assert main(["token", "list", "--json", *words]) == 0
    listed = capsys.readouterr().out
    assert json.loads(listed)["name"] == "deploy"
    assert main(["token", "add", "deploy", *words]) == 64
    assert main(["token", "revoke", "deploy", *words]) == 0
    assert main(["token", "list", *words]) == 0
    assert "폐기됨" in (shown := capsys.readouterr().out)
    book = (tmp_path / "runs" / audit.NAME).read_text()
    assert text.split("_", 2)[2] not in listed + shown + book
    assert [json.loads(line)["event"] for line in book.splitlines()] == ["token made", "token revoked"]
    assert main(["hosts", "-i", str(inventory)]) == 0
    assert main(["hosts", "-i", str(tmp_path)]) == 0
