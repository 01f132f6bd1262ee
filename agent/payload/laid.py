"""A backup laid out so that a server loads it: an RDB as it is, an append-only file out of its tar."""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from agent.payload.chain import read_manifest
from agent.payload.programs import Programs
from agent.payload.rdb import Rdb

_NAME = re.compile(r"[\w.-]{1,200}")


@dataclass(frozen=True)
class Unpacked:
    """The files of a copied append-only file, in the order they are replayed; `base` may be missing."""

    base: Path | None
    logs: tuple[Path, ...]
    manifest: Path


def unpack(path: Path, into: Path) -> Unpacked:
    """Take the files out of a tar made by `log_copy` into the folder `into`, flat.

    Raises:
        ValueError: it is no such tar; the sentence says why.
    """
    into.mkdir(0o700, parents=True, exist_ok=True)
    names: list[str] = []
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                name = PurePosixPath(member.name).name
                if not member.isfile() or not _NAME.fullmatch(name) or name in names:
                    raise ValueError(f"it holds {member.name!r}, which is no file of a log")
                content = tar.extractfile(member)
                assert content is not None
                with content, (into / name).open("wb") as out:
                    shutil.copyfileobj(content, out, 1 << 20)
                names.append(name)
    except tarfile.TarError as error:
        raise ValueError(f"it cannot be unpacked: {error}") from None
    manifests = [name for name in names if name.endswith(".manifest")]
    if len(manifests) != 1:
        raise ValueError(f"it holds {len(manifests)} manifests instead of one")
    entries = read_manifest((into / manifests[0]).read_text("utf-8", "replace"))
    lacking = [name for name, _, _ in entries if name not in names]
    if lacking:
        raise ValueError(f"its manifest names {lacking[0]}, which it does not hold")
    bases = [into / name for name, kind, _ in entries if kind == "base"]
    logs = sorted((seq, name) for name, kind, seq in entries if kind == "incr")
    return Unpacked(bases[0] if bases else None, tuple(into / name for _, name in logs), into / manifests[0])


def lay(path: Path, kind: str, folder: Path) -> tuple[str, ...]:
    """Lay a backup of that kind out in `folder` and return the options with which a server there loads it.

    Raises:
        ValueError: it is not what its kind says.
    """
    if kind != "aof":
        shutil.copyfile(path, folder / "dump.rdb")
        return ()
    unpacked = unpack(path, folder / "laid")
    name = unpacked.manifest.name.removesuffix(".manifest")
    return ("--appendonly", "yes", "--appenddirname", "laid", "--appendfilename", name)


def check_log(manifest: Path, programs: Programs) -> Rdb:
    """Return how an append-only file is by Redis's own checker, which changes nothing of it."""
    done = subprocess.run(
        programs.check_aof(manifest),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=1500,
        check=False,
    )
    said = done.stdout.decode("utf-8", "replace").strip().splitlines() or ["(no output)"]
    if done.returncode == 0:
        return Rdb("sound", "redis-check-aof calls every file of it valid")
    return Rdb("damaged", said[-1][:300])
