"""Which files make up a log: by the manifest, by their names, and after a server has forgotten them."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

import pytest

from agent.payload import chain as chains
from agent.payload.chain import Chain, read_chain, read_manifest, with_orphans

SOUND = "file appendonly.aof.2.base.rdb seq 2 type b\nfile appendonly.aof.3.incr.aof seq 3 type i\n"


def lay(folder: Path, *names: str, manifest: str = "") -> Chain:
    """Make empty files of a log in order of time, and read them."""
    (folder / "aof").mkdir()
    for age, name in enumerate(names):
        path = folder / "aof" / f"appendonly.aof.{name}"
        path.write_bytes(b"")
        os.utime(path, (1_700_000_000 + 10 * age,) * 2)
    if manifest:
        (folder / "aof" / "appendonly.aof.manifest").write_text(manifest)
    return read_chain(str(folder), "aof", "appendonly.aof", getpass.getuser())


def names(chain: Chain) -> list[str]:
    """What would be replayed, in order, without the common beginning."""
    parts = [chain.base] if chain.base else []
    return [part.name.removeprefix("appendonly.aof.") for part in [*parts, *chain.logs]]


def test_manifest_decides(tmp_path: Path) -> None:
    """The manifest's files in its order; what it does not name is an orphan, what is not there is missing."""
    chain = lay(tmp_path, "1.base.rdb", "2.base.rdb", manifest=SOUND)
    assert names(chain) == ["2.base.rdb", "3.incr.aof"]
    assert chain.missing == ("appendonly.aof.3.incr.aof",)
    assert [part.name for part in chain.orphans] == ["appendonly.aof.1.base.rdb"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        (SOUND.rstrip("\n"), "no end"),
        ("garbage\n", "line 1"),
        ("file ../x seq 1 type b\n", "line 1"),
        ('file "a seq 1 type b\n', "line 1"),
        (SOUND + "file x seq 9 type z\n", "line 3"),
        (SOUND + "file x seq 9 type b\n", "two base"),
    ],
)
def test_manifests_redis_would_refuse(tmp_path: Path, text: str, why: str) -> None:
    """A manifest that is none is named, and the log is put together by names instead."""
    with pytest.raises(ValueError, match=why):
        read_manifest(text)
    chain = lay(tmp_path, "2.base.rdb", "3.incr.aof", manifest=text or " ")
    assert chain.manifest != "sound"
    assert names(chain) == ["2.base.rdb", "3.incr.aof"]


def test_by_names(tmp_path: Path) -> None:
    """Without a manifest: the newest base, then the logs by number, but not those it has swallowed."""
    chain = lay(tmp_path, "1.base.rdb", "1.incr.aof", "2.base.rdb", "2.incr.aof", "3.incr.aof")
    assert chain.manifest == "missing"
    assert names(chain) == ["2.base.rdb", "2.incr.aof", "3.incr.aof"]
    assert chain.reasons == ("appendonly.aof.1.incr.aof is older than appendonly.aof.2.base.rdb",)


def test_forgotten_files_come_first(tmp_path: Path) -> None:
    """After an empty start the old base and logs are replayed first, then what was written since."""
    manifest = SOUND.replace("2.base", "1.base").replace("3.incr", "1.incr").replace("seq 2", "seq 1")
    chain = lay(
        tmp_path,
        "4.base.rdb",
        "7.incr.aof",
        "1.base.rdb",
        "1.incr.aof",
        manifest=manifest.replace("seq 3", "seq 1"),
    )
    assert names(with_orphans(chain)) == ["4.base.rdb", "7.incr.aof", "1.incr.aof"]


def test_other_owners_are_named(tmp_path: Path) -> None:
    """A file its user cannot write is named with owner and mode; a user the host lacks is said."""
    (tmp_path / "aof").mkdir()
    closed = tmp_path / "aof" / "appendonly.aof.1.incr.aof"
    closed.write_bytes(b"")
    closed.chmod(0o400)
    chain = read_chain(str(tmp_path), "aof", "appendonly.aof", getpass.getuser())
    assert chain.foreign == (f"{closed} ({getpass.getuser()}, mode 400)",)
    assert read_chain(str(tmp_path), "aof", "x", "nobody-of-that-name").foreign == (
        "the host has no user nobody-of-that-name",
    )


def test_a_file_that_goes_meanwhile_is_nobody_elses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rewrite that ends between the listing and the look takes its old files away."""
    (tmp_path / "aof").mkdir()
    monkeypatch.setattr(chains, "_names", lambda folder: ["temp-rewriteaof-bg-7.aof"])
    assert read_chain(str(tmp_path), "aof", "appendonly.aof", getpass.getuser()).foreign == ()
