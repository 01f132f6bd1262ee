"""Which files make up an append-only file of several parts, in what order, by its manifest or without it."""

from __future__ import annotations

import pwd
import re
import shlex
import stat
from dataclasses import dataclass, field
from pathlib import Path

from agent.payload.owner import ids

_KINDS = {"b": "base", "i": "incr", "h": "history"}


@dataclass(frozen=True)
class Part:
    """One file of the log: `kind` is base, incr or history; owner and mode as `ls` would say them."""

    name: str
    kind: str
    seq: int
    path: Path
    size: int = -1
    mtime: float = 0.0
    owner: str = ""
    mode: str = ""

    @property
    def there(self) -> bool:
        """Whether the file exists."""
        return self.size >= 0


@dataclass(frozen=True)
class Chain:
    """The parts in the order they are replayed.

    `manifest` is sound, missing, or what is wrong with it. `orphans` are parts the manifest does not name.
    `foreign` are files and folders that are not `user`'s, or that `user` may not read and write.
    """

    manifest: str
    base: Part | None
    logs: tuple[Part, ...]
    orphans: tuple[Part, ...] = ()
    foreign: tuple[str, ...] = ()
    reasons: tuple[str, ...] = field(default=())

    @property
    def missing(self) -> tuple[str, ...]:
        """The names of parts that should be there and are not."""
        named = [self.base] if self.base else []
        return tuple(part.name for part in [*named, *self.logs] if not part.there)


def read_manifest(text: str) -> list[tuple[str, str, int]]:
    """Return (name, kind, seq) of every line of a manifest.

    Raises:
        ValueError: Redis would not accept it; the sentence says why.
    """
    if not text:
        raise ValueError("it is empty")
    if not text.endswith("\n"):
        raise ValueError("its last line has no end")
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#"):
            continue
        try:
            words = shlex.split(line)
        except ValueError:
            words = []
        pairs = {words[at]: words[at + 1] for at in range(0, len(words) - 1, 2)}
        name, seq, kind = pairs.get("file", ""), pairs.get("seq", ""), pairs.get("type", "")
        if not name or "/" in name or not seq.isdigit() or kind not in _KINDS:
            raise ValueError(f"its line {number} is not one of a manifest")
        found.append((name, _KINDS[kind], int(seq)))
    if len([1 for each in found if each[1] == "base"]) > 1:
        raise ValueError("it names two base files")
    return found


def read_chain(data_dir: str, aof_dir: str, aof_name: str, user: str) -> Chain:
    """Return the parts of the log in `data_dir`/`aof_dir` as they lie there; nothing is changed."""
    folder = Path(data_dir, aof_dir)
    present = _present(folder, aof_name)
    foreign = _foreign(Path(data_dir), folder, user)
    try:
        text = (folder / f"{aof_name}.manifest").read_text("utf-8", "replace")
        entries = read_manifest(text)
    except FileNotFoundError:
        return _by_names("missing", present, foreign)
    except ValueError as error:
        return _by_names(str(error), present, foreign)
    parts = [_part(folder, name, kind, seq) for name, kind, seq in entries]
    named = {part.name for part in parts}
    bases = [part for part in parts if part.kind == "base"]
    return Chain(
        manifest="sound",
        base=bases[0] if bases else None,
        logs=tuple(sorted((part for part in parts if part.kind == "incr"), key=lambda part: part.seq)),
        orphans=tuple(part for part in present if part.name not in named),
        foreign=foreign,
    )


def _by_names(manifest: str, present: list[Part], foreign: tuple[str, ...]) -> Chain:
    bases = [part for part in present if part.kind == "base"]
    base = bases[-1] if bases else None
    logs = [part for part in present if part.kind == "incr"]
    # A rewrite cut short between its last two steps leaves the logs it has already put into the base.
    done = [part for part in logs[:-1] if base and part.mtime < base.mtime - 1]
    reasons = [f"{part.name} is older than {base.name}" for part in done if base]
    return Chain(
        manifest=manifest,
        base=base,
        logs=tuple(part for part in logs if part not in done),
        orphans=(*done, *bases[:-1]),
        foreign=foreign,
        reasons=tuple(reasons),
    )


def with_orphans(chain: Chain) -> Chain:
    """Return the log as it was before the server started empty, and what was written since behind it.

    For a manifest whose base is empty while files of an earlier life lie beside it: their base and logs
    come first, in order, and then the logs of the manifest.
    """
    bases = [part for part in chain.orphans if part.kind == "base"]
    logs = [part for part in chain.orphans if part.kind == "incr"]
    return Chain(
        manifest=chain.manifest,
        base=bases[-1] if bases else chain.base,
        logs=(*logs, *chain.logs),
        foreign=chain.foreign,
        reasons=("the files the manifest has forgotten come first, then what was written since",),
    )


def _present(folder: Path, aof_name: str) -> list[Part]:
    pattern = re.compile(re.escape(aof_name) + r"\.(\d+)\.(base\.rdb|base\.aof|incr\.aof)")
    found = []
    for name in _names(folder):
        fits = pattern.fullmatch(name)
        if fits:
            found.append(_part(folder, name, "incr" if fits[2] == "incr.aof" else "base", int(fits[1])))
    return sorted(found, key=lambda part: (part.kind, part.seq))


def _part(folder: Path, name: str, kind: str, seq: int) -> Part:
    path = folder / name
    try:
        facts = path.stat()
    except FileNotFoundError:
        return Part(name, kind, seq, path)
    return Part(
        name,
        kind,
        seq,
        path,
        facts.st_size,
        facts.st_mtime,
        _owner(facts.st_uid),
        f"{facts.st_mode & 0o777:o}",
    )


def _owner(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []


def _foreign(data_dir: Path, folder: Path, user: str) -> tuple[str, ...]:
    try:
        uid, _ = ids(user)
    except KeyError:
        return (f"the host has no user {user}",)
    if not data_dir.exists():
        return (f"{data_dir} (not there)",)
    places = [data_dir]
    if folder.is_dir():
        places += [folder, *(folder / name for name in _names(folder))]
    found = []
    for place in places:
        try:
            # The two folders may be links to a larger disk; whose a link is means nothing.
            facts = place.stat() if place in (data_dir, folder) else place.lstat()
        except FileNotFoundError:
            # A rewrite that ends takes its old files away.
            continue
        need = 0o700 if stat.S_ISDIR(facts.st_mode) else 0o600
        if facts.st_uid != uid or facts.st_mode & need != need:
            found.append(f"{place} ({_owner(facts.st_uid)}, mode {facts.st_mode & 0o777:o})")
    return tuple(found)
