"""Backups encrypted with age: taken without the key, opened with it, by hand too; another key is named."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from agent.backup import actions
from agent.backup.model import Backup
from agent.errors import BackupDamaged, BadInventory, StepFailed
from agent.secrets import Secret
from agent.systems import refserver
from agent.systems.refserver import Refserver
from tests.at_rest.conftest import Shelf


def key(folder: Path, name: str) -> tuple[str, Path]:
    """A public key and the file of its identity."""
    path = folder / name
    subprocess.run(["age-keygen", "-o", path], check=True, capture_output=True)
    public = subprocess.run(["age-keygen", "-y", path], check=True, capture_output=True, text=True)
    return public.stdout.strip(), path


def told(shelf: Shelf, **settings: object) -> None:
    """More in the inventory."""
    shelf.service.settings.update(settings)  # type: ignore[attr-defined]


@pytest.fixture
def keys(tmp_path: Path) -> list[tuple[str, Path]]:
    """The team's, the one in the safe, and a stranger's."""
    return [key(tmp_path, name) for name in ("team", "safe", "stranger")]


@pytest.fixture
def sealed(shelf: Shelf, keys: list[tuple[str, Path]]) -> Shelf:
    """A shelf whose backups are encrypted for two, and whose inventory has the identity of one."""
    told(shelf, encrypt_to=[keys[0][0], keys[1][0]], identity=Secret("file", str(keys[0][1])))
    return shelf


def put_back(shelf: Shelf, backup: Backup) -> None:
    """Restore it."""
    shelf.now += 60
    shelf.do(refserver.restore(Refserver.of(shelf.service), backup))


def test_either_key_opens_it(sealed: Shelf, keys: list[tuple[str, Path]]) -> None:
    """A full set and its increment, verified and restored with one key, then with the other."""
    sealed.take()
    sealed.library.fill(3, 200)
    hourly = sealed.take("hourly")
    assert hourly.parent
    assert all(each.path.endswith(".gz.age") for each in hourly.parts)
    assert hourly.verified is not None
    assert hourly.verified.depth == "restored"
    assert sealed.do(refserver.inspect(Refserver.of(sealed.service), hourly)).sound
    state = sealed.library.state()
    for identity in (keys[0][1], keys[1][1]):
        told(sealed, identity=Secret("file", str(identity)))
        sealed.library.fill(2, 500)
        put_back(sealed, hourly)
        assert sealed.library.state() == state


def test_no_byte_of_it_is_in_the_clear(sealed: Shelf, keys: list[tuple[str, Path]]) -> None:
    """Every file is age's; the key is in no file below the host's folders."""
    backup = sealed.take()
    for part in backup.parts:
        assert Path(part.path).read_bytes().startswith(b"age-encryption.org/v1\n")
    secret = keys[0][1].read_text().split("AGE-SECRET-KEY-")[1].strip().encode()
    files = [path for path in sealed.folder.rglob("*") if path.is_file() and path != keys[0][1]]
    assert not [path for path in files if secret in path.read_bytes()]


def test_taking_needs_no_key(sealed: Shelf) -> None:
    """Without an identity a set and its increment are taken, and verified by checksum alone."""
    told(sealed, identity=None)
    first = sealed.take()
    second = sealed.take("hourly")
    assert second.parent == first.id
    assert second.verified is not None
    assert second.verified.depth == "checksum"
    with pytest.raises(StepFailed, match="no identity was given"):
        sealed.do(actions.verify(sealed.service, second.id))
    (newest, _) = sealed.do(actions.history(sealed.service))
    assert not newest.fault
    with pytest.raises(StepFailed, match="no identity was given"):
        sealed.do(refserver.check_room(Refserver.of(sealed.service), second))


def test_another_key_is_caught_and_named(sealed: Shelf, keys: list[tuple[str, Path]]) -> None:
    """Encrypted for somebody else: verify says so, it is not restored; its sound twin passes."""
    sound = sealed.take()
    told(sealed, encrypt_to=[keys[2][0]])
    foreign = sealed.take(depth="checksum")
    told(sealed, encrypt_to=[keys[0][0], keys[1][0]])
    before = sealed.library.state()
    with pytest.raises(BackupDamaged, match="encrypted with another key"):
        sealed.do(actions.verify(sealed.service, foreign.id))
    with pytest.raises(StepFailed, match="encrypted with another key"):
        sealed.do(refserver.check_room(Refserver.of(sealed.service), foreign))
    with pytest.raises(StepFailed, match="encrypted with another key"):
        put_back(sealed, foreign)
    assert sealed.library.state() == before
    found = sealed.do(actions.newest(sealed.service))
    assert found is not None
    assert found.id == sound.id
    assert sealed.do(actions.verify(sealed.service, sound.id)).verified is not None


@pytest.mark.parametrize("at", [0.2, 0.5, 0.999])
def test_what_is_damaged_inside_is_caught(sealed: Shelf, at: float) -> None:
    """A flipped bit under sums that match: age itself tells."""
    from tests.at_rest.test_broken import agreed, part

    backup = sealed.take()
    path = part(backup, "sqlite")
    content = bytearray(path.read_bytes())
    content[int(len(content) * at)] ^= 1
    path.write_bytes(content)
    agreed(sealed, backup, path)
    with pytest.raises(BackupDamaged, match="cannot be"):
        sealed.do(actions.verify(sealed.service, backup.id))


def test_a_key_that_is_none_is_refused(shelf: Shelf) -> None:
    """A private key where a public one belongs never gets into a plan."""
    told(shelf, encrypt_to=["AGE-SECRET-KEY-1ABC"])
    with pytest.raises(BadInventory, match="public keys"):
        Refserver.of(shelf.service)
