"""Check a set of backup files: its sums, whether it opens, whether it holds what its manifest says.

python3 -I - '{"id": "unified_20250120_030000", "depth": "restored", "place": {...}}'
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

from agent.payload import durable, rows, vectors
from agent.payload.durable import Refuse
from agent.payload.gently import step_back
from agent.payload.kept_set import KeptSet, Place, chain, faults
from agent.payload.take_set import contents
from agent.payload.telling import tell
from agent.payload.unfold import apart, differs, needs, unfold
from agent.payload.united import Link

_WORK = ".drillyard-checking"

# Chroma itself: how each collection measures, and what it finds near each sampled vector.
_ASK_CHROMA = """\
import json, sys
import chromadb
told = json.load(sys.stdin)
client = chromadb.PersistentClient(told["folder"])
answers = {}
for name, said in told["collections"].items():
    found = client.get_collection(name, embedding_function=None)
    space = (found.configuration_json.get("hnsw") or {}).get("space", "l2")
    near = {}
    for one, expected in said["near"].items():
        vectors = found.get(ids=[one], include=["embeddings"])["embeddings"]
        near[one] = []
        if len(vectors):
            asked = found.query(query_embeddings=[vectors[0]], n_results=len(expected), include=[])
            near[one] = asked["ids"][0]
    answers[name] = {"vectors": found.count(), "space": space, "near": near}
print(json.dumps(answers))
"""


def check(spec: dict[str, Any]) -> dict[str, Any]:
    """Return whether the set `id` is sound as deep as `depth` (checksum, opens, restored), and a sentence.

    Of the sets it goes on from those in `proved` were restored for proof, and their bytes are the same.
    """
    place, depth = Place.of(spec), spec["depth"]
    try:
        sets = chain(place, spec["id"])
        why = _backwards(sets)
        if depth == "checksum":
            why = why or next((found for each in sets if (found := faults(place, each))), "")
        if why:
            raise Refuse(why)
        if depth == "checksum":
            return _told(True, sets, "its bytes are those that were taken")
        proved = _proved(sets, spec)
        total = sum(needs(place, sets, element, proved) for element in sets[-1].parts)
        durable.room(place.backups, total, "a check")
        with durable.scratch(place.backups / _WORK) as work:
            detail = _unfolded(place, sets, spec, work)
    except (Refuse, sqlite3.Error, UnicodeDecodeError) as error:
        if str(error).startswith(durable.UNABLE):
            raise
        return {"sound": False, "detail": str(error), "contents": {}}
    return _told(True, sets, detail)


def _unfolded(place: Place, sets: list[KeptSet], spec: dict[str, Any], work: Path) -> str:
    last, proved = sets[-1], _proved(sets, spec)
    found = {element: unfold(place, sets, element, work, proved) for element in last.parts}
    for element, path in found.items():
        why = differs(last, element, path)
        if why:
            raise Refuse(why)
    if spec["depth"] == "opens":
        return "it unpacks, and what it holds is sound"
    why = apart(last, Link.of(spec), found)
    if why:
        raise Refuse(f"it is not united: {why}")
    words = spec.get("chroma_python", [])
    inside = _seen(place, found["chromadb"], spec.get("seen", "")) if words and "chromadb" in found else ""
    if inside:
        _ask_chroma(words, last, inside, found["chromadb"])
    listed = ", ".join(f"{count} {name}" for name, count in contents(last).items())
    before = f", on what was proved of {sets[proved - 1].id}" if proved else ""
    return f"restored and compared: {listed}{before}{', searched by Chroma itself' if inside else ''}"


def _proved(sets: list[KeptSet], spec: dict[str, Any]) -> int:
    """Return behind how many of the sets, the last not among them, the newest stands that was proved."""
    known = spec.get("proved", ())
    return max((number for number, each in enumerate(sets[:-1], 1) if each.id in known), default=0)


def _ask_chroma(words: list[str], kept: KeptSet, inside: str, own: Path) -> None:
    """Have Chroma open the copy `own`, which it sees as `inside`, in a process apart: damage may kill it."""
    told = {"folder": inside, "collections": kept.parts["chromadb"].holds["collections"]}
    done = subprocess.run(
        [*words, "-c", _ASK_CHROMA],
        input=json.dumps(told).encode(),
        capture_output=True,
        timeout=900,
        check=False,
    )
    if done.returncode:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise Refuse(f"Chroma does not open it: {last[0] if last else f'it ended with {done.returncode}'}")
    wrong = _astray(kept, own, json.loads(done.stdout.decode().strip().splitlines()[-1]))
    if wrong:
        raise Refuse(f"Chroma opens it, and {wrong}")


def _astray(kept: KeptSet, folder: Path, answers: dict[str, dict[str, Any]]) -> str:
    """Return where Chroma's answers are not what the set's own vectors say; empty where they are."""
    exact: dict[str, vectors.Vectors] = {}
    for name, said in kept.parts["chromadb"].holds["collections"].items():
        answer = answers[name]
        space = answer["space"]
        if answer["vectors"] != said["vectors"]:
            return f"{name} has {answer['vectors']} vectors and not {said['vectors']}"
        for one, ids in answer["near"].items():
            near = said["near"][one]
            if space == "l2" and one in ids and len({*ids} & {*near}) >= (len(near) + 1) // 2:
                continue
            # The manifest counts by L2 and breaks ties by name: only every distance tells.
            if not exact:
                with rows.opened(folder / "chroma.sqlite3") as database:
                    exact = vectors.collections(database)
            if not vectors.finds(exact[name], one, ids, space):
                return f"{name}: near {one} by {space} it finds {ids or 'nothing'}, and others are nearer"
    return ""


def _seen(place: Place, folder: Path, seen: str) -> str:
    """Return a folder as that Python sees it, which has the data's folder as `seen`; "" where it cannot."""
    if not seen:
        return str(folder)
    below = folder.is_relative_to(place.data)
    return str(Path(seen) / folder.relative_to(place.data)) if below else ""


def _backwards(sets: list[KeptSet]) -> str:
    for before, after in zip(sets, sets[1:]):
        if after.taken <= before.taken:
            return f"{after.id} is older than it says: it goes on from {before.id}, which was taken later"
    return ""


def _told(sound: bool, sets: list[KeptSet], detail: str) -> dict[str, Any]:
    return {"sound": sound, "detail": detail, "contents": contents(sets[-1])}


def main(argv: list[str]) -> int:
    """Do what the JSON in the first argument says; 0, or 1 with a sentence on standard error."""
    spec = json.loads(argv[0])
    step_back(spec.get("nice", 10), spec.get("io", ""))
    try:
        tell(check(spec))
    except (Refuse, OSError, sqlite3.Error, subprocess.SubprocessError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0
