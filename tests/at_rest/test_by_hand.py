"""A newcomer restores by hand, from the README's lines: gunzip, tar, dd, nothing of ours."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.backup.model import Backup
from tests.at_rest.conftest import Shelf
from tests.at_rest.test_sealed import key

# Litestream is beside our Python; on a host it is wherever it was put.
PATH = f"/usr/bin:/bin:{Path(sys.executable).parent}"
ROOT = Path(__file__).parents[2]
README, PAGE = ROOT / "README.md", ROOT / "docs/operators/refserver_backups.md"
STATE = tuple[object, ...]


def lines_of(page: Path, heading: str) -> str:
    """The shell lines below a heading of a page."""
    section = re.split(r"^##+ ", page.read_text("utf-8").partition(f"# {heading}")[2], flags=re.MULTILINE)[0]
    (block,) = re.findall(r"```sh\n(.*?)```", section, flags=re.DOTALL)
    return str(block)


def typed(text: str, data: Path, **said: str) -> subprocess.CompletedProcess[bytes]:
    """Type the lines, `/data` being another folder and the names at their head having other values."""
    for name, value in said.items():
        text, count = re.subn(rf"^{name}=\S+", f"{name}='{value}'", text, flags=re.MULTILINE)
        assert count == 1
    # Docker and chown belong to the host; everything else is typed as it stands.
    shims = 'docker() { echo "docker $*"; }\nchown() { :; }\n'
    lines = shims + text.replace("/data", str(data))
    return subprocess.run(["bash", "-c", lines], capture_output=True, check=False, env={"PATH": PATH})


def by_hand(shelf: Shelf, wanted: str, **said: str) -> subprocess.CompletedProcess[bytes]:
    """Type the README's lines for the backup of that id."""
    text = lines_of(README, "By hand, without Drillyard")
    return typed(text, shelf.library.data, ID=wanted, **said)


def test_the_korean_readme_has_the_same_lines() -> None:
    """What differs are the remarks."""
    korean = lines_of(ROOT / "README.ko.md", "Drillyard 없이 손으로")
    english = lines_of(README, "By hand, without Drillyard")
    bare = [re.sub(r"\s*(?<!\S)# .*", "", text) for text in (korean, english)]
    assert bare[0] == bare[1]
    assert korean != english


def lose_everything(shelf: Shelf) -> None:
    """The disk is another one: only the backups are left, and ruins with a log that belongs to them."""
    shelf.library.database.write_bytes(b"ruins")
    shelf.library.database.with_name("refserver.db-wal").write_bytes(b"of the ruins")
    shutil.rmtree(shelf.library.chroma)
    shutil.rmtree(shelf.library.files)


def moved_on(shelf: Shelf, number: int, kind: str) -> tuple[Backup, STATE]:
    """Documents come, change and go; then a backup is taken. Return it and what there was."""
    shelf.library.fill(4, 100 + 10 * number)
    shelf.library.upload(f"doc{number + 10}", b"%PDF changed " + str(number).encode() * 300)
    shelf.library.delete(f"doc{number}")
    return shelf.take(kind), shelf.library.state()


def without_pages(shelf: Shelf) -> None:
    """What an increment is told by is lost: the next hour is taken in full."""
    for path in (shelf.backups / "metadata").glob("*.pages"):
        path.unlink()


CASES: dict[str, tuple[tuple[str, ...], int]] = {
    "the only one": (("daily",), 0),
    "the newest hour": (("daily", "hourly", "hourly"), 2),
    "an earlier hour": (("daily", "hourly", "hourly", "hourly"), 2),
    "a weekly base": (("daily", "weekly", "hourly"), 2),
    "a weekly one": (("daily", "weekly", "hourly"), 1),
    "the first of two of a day": (("daily", "daily", "hourly"), 0),
    "the second of two of a day": (("daily", "daily", "hourly"), 1),
    "an hour behind the second": (("daily", "daily", "hourly"), 2),
    "an hour in full": (("daily", "hourly"), 1),
    "an hour behind one in full": (("daily", "hourly", "hourly"), 2),
}


SEALED = ("an earlier hour", "a weekly base", "an hour in full")


@pytest.mark.parametrize(
    ("case", "encrypted"), [*((case, False) for case in CASES), *((case, True) for case in SEALED)]
)
def test_it_comes_back_by_hand(shelf: Shelf, tmp_path: Path, case: str, encrypted: bool) -> None:
    """Rows and vectors are those of that moment, and so is every file that a row names."""
    said = {}
    if encrypted:
        public, identity = key(tmp_path, "identity.txt")
        shelf.service.settings["encrypt_to"] = [public]  # type: ignore[index]
        said["KEY"] = str(identity)
    kinds, which = CASES[case]
    # All of it is of one day.
    shelf.now -= shelf.now % 86400 - 3600
    taken = []
    for number, kind in enumerate(kinds):
        if "in full" in case and number == 1:
            without_pages(shelf)
        taken.append(moved_on(shelf, number, kind))
    backup, state = taken[which]
    if "in full" in case:
        assert any(each.path.endswith(("_full.db.gz", "_full.db.gz.age")) for each in taken[1][0].parts)
    shelf.library.fill(40, 600)
    lose_everything(shelf)
    done = by_hand(shelf, backup.id, **said)
    assert done.returncode == 0, done.stderr.decode()
    assert bool(list(shelf.backups.rglob("*.gz"))) != encrypted
    rows, vectors, files = shelf.library.state()
    assert (rows, vectors) == state[:2]
    # What was deleted in between comes back as a file without a row: the page says so.
    assert set(state[2]) <= set(files)  # type: ignore[call-overload]
    (aside,) = shelf.library.data.glob("corrupted-*")
    assert (aside / "refserver.db").read_bytes() == b"ruins"
    assert (aside / "refserver.db-wal").exists()
    assert done.stdout.decode().splitlines()[-2:] == ["docker stop refserver", "docker start refserver"]


def test_one_part_comes_back_alone(shelf: Shelf) -> None:
    """The vectors alone: rows and files stay as they are."""
    backup = shelf.take()
    shelf.library.fill(3, 700)
    rows, vectors, files = shelf.library.state()
    done = by_hand(shelf, backup.id, PARTS="chromadb")
    assert done.returncode == 0, done.stderr.decode()
    assert shelf.library.state()[::2] == (rows, files)
    assert shelf.library.state()[1] != vectors


def base_not_there(shelf: Shelf, base: Backup) -> str:
    """The base's manifest was lost with it."""
    Path(base.path).unlink()
    return f"{base.id}, of which"


def file_not_there(_: Shelf, base: Backup) -> str:
    """A file of the base is gone."""
    Path(base.parts[1].path).unlink()
    return Path(base.parts[1].path).name


def bit_flipped(_: Shelf, base: Backup) -> str:
    """A file of the base has rotted."""
    path = Path(base.parts[2].path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return f"{path.name}: FAILED"


def sidecar_not_there(_: Shelf, base: Backup) -> str:
    """Nobody can tell whether a file is what was taken."""
    Path(f"{base.parts[0].path}.sha256").unlink()
    return f"{Path(base.parts[0].path).name}.sha256"


@pytest.mark.parametrize("broken", [base_not_there, file_not_there, bit_flipped, sidecar_not_there])
def test_what_is_not_whole_is_not_touched(shelf: Shelf, broken: Callable[[Shelf, Backup], str]) -> None:
    """The lines stop, name what is wrong, and neither stopped the service nor moved anything."""
    base = shelf.take()
    shelf.library.fill(4, 100)
    hour = shelf.take("hourly")
    before = shelf.library.state()
    named = broken(shelf, base)
    done = by_hand(shelf, hour.id)
    assert done.returncode != 0
    assert named in (done.stdout + done.stderr).decode()
    assert b"docker" not in done.stdout
    assert shelf.library.state() == before
    assert not list(shelf.library.data.glob("corrupted-*"))


def test_one_encrypted_file_is_opened_by_one_line(shelf: Shelf, tmp_path: Path) -> None:
    """`age -d -i identity.txt FILE.gz.age | gunzip`, as the page has it."""
    public, identity = key(tmp_path, "identity.txt")
    shelf.service.settings["encrypt_to"] = [public]  # type: ignore[index]
    backup = shelf.take()
    found = re.search(r"`(age -d -i \S+ FILE\.gz\.age \| gunzip)`", PAGE.read_text("utf-8"))
    assert found is not None
    file = next(each.path for each in backup.parts if each.path.endswith(".db.gz.age"))
    line = found[1].replace("FILE.gz.age", file)
    done = subprocess.run(["bash", "-euc", line], cwd=identity.parent, capture_output=True, check=True)
    assert done.stdout.startswith(b"SQLite format 3\0")
