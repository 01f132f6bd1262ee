"""A real Chroma: its copy is searched by Chroma itself, its index damaged in every way and built anew."""

from __future__ import annotations

import fcntl
import json
import math
import os
import random
import shutil
import sqlite3
import struct
import subprocess
from collections.abc import Callable
from contextlib import closing
from operator import mul
from pathlib import Path
from typing import Any

import pytest

from agent.payload import check_set, hnsw
from agent.payload import vectors as vectors_of
from agent.payload.durable import Refuse
from agent.payload.kept_set import KeptSet, Part
from tests.at_rest.conftest import Shelf

PYTHON = Path(__file__).parents[2] / ".cache/chromadb/bin/python"
COUNT = 1300
_FOUND = 198  # of 200: an HNSW index is approximate, and built anew by two threads not twice the same

_MAKE = """
import json, random, sqlite3, sys
import chromadb
folder, space, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
def client():
    return chromadb.PersistentClient(folder)
more = {"embedding_function": None, "configuration": {"hnsw": {"space": space}}}
client().get_or_create_collection("documents", **more)
off = '{"automatically_purge":false,"_type":"EmbeddingsQueueConfigurationInternal"}'
with sqlite3.connect(folder + "/chroma.sqlite3") as database:
    database.execute("UPDATE embeddings_queue_config SET config_json_str = ?", (off,))
chromadb.api.shared_system_client.SharedSystemClient.clear_system_cache()
found = client().get_collection("documents", embedding_function=None)
random.seed(7)
ids = [f"doc{number}" for number in range(count)]
found.upsert(ids=ids, embeddings=[[random.gauss(0, 2) for _ in range(16)] for _ in ids])
found.delete(ids=["doc3", "doc4"])
found.upsert(ids=["doc5"], embeddings=[[0.5] * 16])
"""
_ASK = """
import json, sys
import chromadb
found = chromadb.PersistentClient(sys.argv[1]).get_collection("documents", embedding_function=None)
ids = sorted(found.get(include=[])["ids"])
vectors = found.get(ids=ids[:200], include=["embeddings"])
hits = 0
for name, vector in zip(vectors["ids"], vectors["embeddings"]):
    hits += found.query(query_embeddings=[vector], n_results=1, include=[])["ids"][0] == [name]
print(json.dumps({"count": found.count(), "ids": len(ids), "hits": hits}))
"""


def chroma(text: str, *words: str) -> subprocess.CompletedProcess[bytes]:
    """Have a process of its own do it: on damage it may die."""
    return subprocess.run([PYTHON, "-c", text, *words], capture_output=True, check=False, timeout=600)


def made_by(tmp_path_factory: pytest.TempPathFactory, space: str) -> Path:
    """Vectors enough that Chroma has written its index files out, made once for all workers: to be copied."""
    own = tmp_path_factory.getbasetemp()
    every = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder, making = every / "chroma" / space, every / "chroma" / f"making-{space}"
    folder.parent.mkdir(exist_ok=True)
    with folder.with_name(f"{space}.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            shutil.rmtree(making, ignore_errors=True)
            done = chroma(_MAKE, str(making), space, str(COUNT))
            assert done.returncode == 0, done.stderr.decode()
            making.rename(folder)
    return folder


@pytest.fixture(scope="module", params=["l2", "cosine"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of Chroma's that nobody changes."""
    return made_by(tmp_path_factory, request.param)


@pytest.fixture
def vectors(made: Path, tmp_path: Path) -> Shelf:
    """A shelf with those vectors alone."""
    from dataclasses import replace

    shelf = Shelf(tmp_path)
    shutil.rmtree(shelf.library.chroma)
    shutil.copytree(made, shelf.library.chroma)
    settings = {**shelf.service.settings, "chroma_python": [str(PYTHON)]}
    shelf.service = replace(shelf.service, system="chromadb", settings=settings)
    return shelf


def damage(folder: Path) -> str:
    """What is found wrong with the index of the only collection."""
    with closing(sqlite3.connect(folder / "chroma.sqlite3")) as database:
        ((segment, collection),) = hnsw.segments(database).items()
        return hnsw.damage(folder / segment, collection, database)


def test_a_copy_is_searched_by_chroma_itself(vectors: Shelf) -> None:
    """Taken without its index files, it answers like the original, from a full copy and from an increment."""
    from agent.systems import chromadb

    vectors.take()
    with closing(sqlite3.connect(vectors.library.chroma / "chroma.sqlite3")) as queue:
        vector = struct.pack("<16f", *[9.0] * 16)
        insert = (
            "INSERT INTO embeddings_queue (operation, topic, id, vector, encoding, metadata) "
            "SELECT 2, topic, 'late', ?, 'FLOAT32', '{}' FROM embeddings_queue LIMIT 1"
        )
        queue.execute(insert, (vector,))
        queue.commit()
    backup = vectors.take("hourly")
    assert backup.parent
    assert backup.verified is not None
    assert "searched by Chroma itself" in backup.verified.detail
    vectors.do(chromadb.restore(chromadb.Chromadb.of(vectors.service), backup))
    said = json.loads(chroma(_ASK, str(vectors.library.chroma)).stdout)
    assert (said["count"], said["ids"]) == (COUNT - 1, COUNT - 1)
    assert said["hits"] >= _FOUND


@pytest.mark.parametrize("space", ["l2", "cosine", "ip"])
def test_what_chroma_finds_is_held_to_every_distance(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, space: str
) -> None:
    """As the collection measures: a vector turned round in the index is found out, a sound one is not."""
    folder = tmp_path / "chromadb"
    shutil.copytree(made_by(tmp_path_factory, space), folder)
    with closing(sqlite3.connect(folder / "chroma.sqlite3")) as database:
        kept = vectors_of.collections(database)["documents"]
    manifest = {"collections": {"documents": vectors_of.told(kept)}}
    part = Part("chromadb/full.tar.gz", 1, "", "full", holds=manifest)
    told = KeptSet("unified_20250120_030000", "daily", 0.0, "", {"chromadb": part}, {})
    check_set._ask_chroma([str(PYTHON)], told, str(folder), folder)
    _turn_round(_segment(folder) / "data_level0.bin", kept["doc0"])
    with pytest.raises(Refuse, match=f"near doc0 by {space} it finds"):
        check_set._ask_chroma([str(PYTHON)], told, str(folder), folder)


def _turn_round(path: Path, vector: bytes) -> None:
    """Negate one vector in a file of the index, which by cosine has it at length 1."""
    content = bytearray(path.read_bytes())
    point = struct.unpack("<16f", vector)
    length = math.hypot(*point)
    for at in range(0, len(content) - len(vector) + 1, 4):
        found = struct.unpack_from("<16f", content, at)
        size = math.hypot(*found)
        if 0 < size < math.inf and sum(map(mul, found, point)) / (size * length) > 1 - 1e-6:
            struct.pack_into("<16f", content, at, *(-each for each in found))
            path.write_bytes(content)
            return
    raise AssertionError("the vector is not in the index")


def test_a_vector_may_have_nearer_ones_and_equals() -> None:
    """By inner product a longer vector is nearer than itself; of equal ones any may be found."""
    points = {"a": (1.0, 0.0), "b": (9.0, 0.0), "c": (-1.0, 0.0), **{f"e{n}": (0.0, 2.0) for n in range(9)}}
    kept = {name: struct.pack("<2f", *point) for name, point in points.items()}
    assert vectors_of.finds(kept, "a", ["b"], "ip")
    assert not vectors_of.finds(kept, "a", ["c"], "ip")
    assert vectors_of.finds(kept, "e0", ["e4", "e5", "e6", "e7", "e8"], "cosine")
    assert not vectors_of.finds(kept, "e0", ["a", "b", "c", "e1", "e2"], "cosine")
    assert not vectors_of.finds(kept, "a", [], "l2")


def _segment(folder: Path) -> Path:
    return next(each for each in folder.iterdir() if each.is_dir())


def _all(name: str, how: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def strike(folder: Path) -> None:
        path = _segment(folder) / name
        path.write_bytes(how(path.read_bytes()))

    return strike


def _flip(content: bytes) -> bytes:
    changed = bytearray(content)
    for at in range(min(150, len(content) // 2), len(changed), max(1, len(changed) // 60)):
        changed[at] ^= 0x80
    return bytes(changed)


DAMAGE: dict[str, Callable[[Path], Any]] = {
    **{
        f"{name} deleted": (lambda folder, name=name: (_segment(folder) / name).unlink())
        for name in hnsw.FILES
    },
    **{f"{name} zeroed": _all(name, lambda content: bytes(len(content))) for name in hnsw.FILES},
    **{f"{name} cut": _all(name, lambda content: content[: len(content) // 3]) for name in hnsw.FILES},
    **{f"{name} flipped": _all(name, _flip) for name in hnsw.FILES},
    "link_lists.bin garbage": _all(
        "link_lists.bin", lambda content: random.Random(1).randbytes(len(content))
    ),
    "segment gone": lambda folder: shutil.rmtree(_segment(folder)),
}
# Without a measure by length these are never read.
_HARMLESS = {("l2", "length.bin zeroed"), ("l2", "length.bin flipped")}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_of_the_index_is_seen(made: Path, tmp_path: Path, kind: str) -> None:
    """What Chroma may be silent about or die of is named, without asking Chroma."""
    folder = tmp_path / "chromadb"
    shutil.copytree(made, folder)
    DAMAGE[kind](folder)
    assert bool(damage(folder)) == ((made.name, kind) not in _HARMLESS)


def test_a_sound_index_raises_no_alarm(made: Path) -> None:
    """Deletions, an update behind what was written out, and both measures."""
    assert damage(made) == ""


def test_without_its_index_files_chroma_builds_them_anew(made: Path, tmp_path: Path) -> None:
    """The remedy for all of them: every vector is found again."""
    folder = tmp_path / "chromadb"
    shutil.copytree(made, folder)
    shutil.rmtree(_segment(folder))
    said = json.loads(chroma(_ASK, str(folder)).stdout)
    assert (said["count"], said["ids"]) == (COUNT - 2, COUNT - 2)
    assert said["hits"] >= _FOUND
