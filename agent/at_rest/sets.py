"""Sets of backup files of what rests in files: laid down, checked, put back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agent.at_rest.model import AtRest
from agent.errors import StepFailed
from agent.transport.ask import Action, Clock, Done, Note

DUMPS = {"daily": ".json", "weekly": ".json", "hourly": ".json"}


@dataclass(frozen=True)
class Named:
    """A backup: its id is all that is needed here."""

    id: str


@dataclass(frozen=True)
class Set:
    """A set that was laid down; `paused` are the seconds that the application was held for it."""

    id: str
    taken: float
    parent: str
    manifest: tuple[str, int, str]
    parts: tuple[tuple[str, int, str], ...]
    contents: dict[str, int]
    apart: str = ""
    paused: float = 0.0
    kind: str = ""


@dataclass(frozen=True)
class Checked:
    """What a check found: `sound` or not, how deep it went, and a sentence."""

    sound: bool
    depth: str
    detail: str
    contents: dict[str, int]


@dataclass(frozen=True)
class Restored:
    """What was put back: from which set, of which instant (UTC), what it holds, how many seconds it lost.

    `kept` is the folder with the state of before; `apart` what did not belong together already then. With
    `shipped` the database is what was shipped all the time: vectors and files have yet to follow.
    """

    id: str
    at: str
    elements: tuple[str, ...]
    contents: dict[str, int]
    kept: str
    lost_seconds: float
    apart: tuple[str, ...] = ()
    shipped: bool = False


def dump_set(data: AtRest, kind: str, parent: str) -> Action[Set]:
    """Lay down a set: hourly what changed since `parent`, else everything."""
    now: float = yield Clock()
    spec = {"kind": kind, "now": now, "parent": parent if kind == "hourly" else "", "within": data.pause}
    spec |= {"queue": data.queue} if data.files else {}
    spec |= {"nice": data.load.nice, "io": data.load.io}
    spec |= {"seal_to": list(data.encrypt_to)} if data.encrypt_to else {}
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%d_%H%M%S")
    supposed = f'{{"id":"unified_{stamp}","path":"{data.backup_dir}/metadata/unified_{stamp}.json"}}'
    found = yield from data.run(
        "take_set",
        spec,
        changes=f"pauses the application's writes for a moment and copies its data to {data.backup_dir}",
        again="safe",
        supposing=Done(0, supposed.encode()),
    )
    if found.get("apart"):
        yield Note(f"{data.host}: the application's own data is not united: {found['apart']}")
    return _set(found, now)


def list_sets(data: AtRest) -> Action[tuple[Set, ...]]:
    """Return the sets that lie there by their manifests, whatever the history says of them."""
    found = yield from data.run("list_sets", {}, timeout=600)
    for sentence in found["wrong"]:
        yield Note(f"{data.host}: {sentence}")
    return tuple(_set(each, 0.0) for each in found["sets"])


def _set(found: dict[str, Any], now: float) -> Set:
    return Set(
        found["id"],
        found.get("taken", now),
        found.get("parent", ""),
        (found["path"], found.get("bytes", 0), found.get("sha256", "")),
        tuple((each["path"], each["bytes"], each["sha256"]) for each in found.get("parts", [])),
        found.get("contents", {}),
        found.get("apart", ""),
        found.get("paused", 0.0),
        found.get("kind", ""),
    )


def check_dump(data: AtRest, copy: Named, depth: str, proved: Collection[str] = ()) -> Action[Checked]:
    """Check a set, and those it goes on from, as deep as `checksum`, `opens` or `restored`.

    Files of those in `proved` are not unpacked once more: they were, and their bytes are the same.
    """
    words = list(data.chroma_python) if depth == "restored" else []
    found = yield from data.run(
        "check_set",
        {
            "id": copy.id,
            "depth": depth,
            "chroma_python": words,
            "seen": data.seen,
            "nice": data.load.nice,
            "io": data.load.io,
            "proved": sorted(proved),
        },
        changes=f"unpacks {copy.id} in a folder of its own in {data.backup_dir}",
        again="safe",
        supposing=Done(0, b'{"sound":true,"detail":"","contents":{}}'),
    )
    return Checked(found["sound"], depth, found["detail"], found["contents"])


def restore(data: AtRest, copy: Named, elements: Sequence[str] = ()) -> Action[Restored]:
    """Put a set (or only some of its elements) in the place of the stopped application's data.

    Raises:
        NoRoom: the data's volume could not hold it beside the present state; nothing was touched.
        StepFailed: the set is not what its manifest says; nothing was touched.
    """
    unknown = [each for each in elements if each not in data.elements]
    if unknown:
        raise StepFailed(
            f"{data.host}: expected elements among {', '.join(data.elements)}, found {', '.join(unknown)}."
        )
    now: float = yield Clock()
    spec: dict[str, Any] = {"id": copy.id, "elements": list(elements), "owner": data.owner, "mode": data.mode}
    spec |= {"ships": data.stream_config} if data.stream else {}
    spec |= {"queue": data.queue} if data.files else {}
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%d_%H%M%S")
    what = ", ".join(elements or data.elements)
    found = yield from data.run(
        "restore_set",
        {**spec, "stamp": stamp},
        changes=f"puts {what} of {copy.id} in place, and what is there now into drillyard-kept-{stamp}",
        again="safe",
        supposing=Done(0, b"{}"),
    )
    taken = float(found.get("taken", now))
    restored = Restored(
        copy.id,
        datetime.fromtimestamp(taken, UTC).isoformat(),
        tuple(found.get("elements", ())),
        found.get("contents", {}),
        found.get("kept", ""),
        round(now - taken, 1),
        tuple(found.get("apart", ())),
    )
    yield Note(_lost(data, restored))
    return restored


def _lost(data: AtRest, restored: Restored) -> str:
    held = ", ".join(f"{count} {name}" for name, count in restored.contents.items())
    minutes = restored.lost_seconds / 60
    return (
        f"{data.host}: restored from {restored.id} as of {restored.at}: {held}. What was written in the "
        f"{minutes:.0f} min since is not in it; the state of before is in {restored.kept}."
    )
