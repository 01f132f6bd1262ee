"""A day of hourly backups beside restic, and beside `sqlite3 .backup | gzip` and `tar czf`, on the same data.

    python bench/refserver_peers.py --mb 1000 --vectors 100000

Needs restic and sqlite3. A database of that size and Chroma's queue of so many vectors of 384 numbers; each
hour 1 % of the rows change, half of them new, spread over all of it, and so do their vectors. Ours are one
full copy and increments, each held to SQLite's integrity check and hashed by table; restic is given SQLite's
own copies, its repository compressed; gzip and tar make a full copy, measured twice and counted for every
hour. The HNSW files, which only the others would have to carry, are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from agent.payload.bundle import program
from tests.at_rest.library import QUEUE, TABLE

WIDTH = 384
WORDS = [f"word{number}" for number in range(4000)]
UPSERT = "INSERT INTO embeddings_queue (operation, topic, id, vector, metadata) VALUES (2, ?, ?, ?, '{}')"
RESTIC = {"RESTIC_PASSWORD": "bench", "RESTIC_CACHE_DIR": "/nonexistent"}


@dataclass
class Cost:
    """Seconds by the clock and of CPU, of processes that have ended."""

    wall: float
    cpu: float


def measured(words: Sequence[object], stdin: bytes = b"", **more: str) -> Cost:
    """Run it and return what it cost."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        [str(word) for word in words],
        input=stdin,
        capture_output=True,
        env={**os.environ, **more},
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{words[0]} failed: {done.stderr.decode()[-500:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(time.monotonic() - began, used)


class Data:
    """The databases, filled, and changed hour by hour."""

    def __init__(self, folder: Path, size: int, count: int) -> None:
        self.folder, self.dice = folder, random.Random(3)
        self.rows, self.vectors = size * 1000, count
        (folder / "chromadb").mkdir(parents=True)
        self.database, self.queue = folder / "refserver.db", folder / "chromadb/chroma.sqlite3"
        with closing(sqlite3.connect(self.database)) as database:
            database.executescript(TABLE)
            database.execute("ALTER TABLE documents ADD COLUMN text TEXT")
        with closing(sqlite3.connect(self.queue)) as queue:
            queue.executescript(QUEUE)
        self._write(range(self.rows), range(count))

    def _write(self, rows: Sequence[int], vectors: Sequence[int]) -> None:
        dice = self.dice
        with closing(sqlite3.connect(self.database)) as database:
            for number in rows:
                text = " ".join(dice.choices(WORDS, k=115))
                row = (
                    f"d{number}",
                    f"{number}.pdf",
                    f"{number}.pdf",
                    f"{dice.getrandbits(256):064x}",
                    1,
                    time.time(),
                )
                database.execute(
                    "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, text)
                )
            database.commit()
        with closing(sqlite3.connect(self.queue)) as queue:
            for number in vectors:
                vector = struct.pack(f"<{WIDTH}f", *(dice.gauss(0, 1) for _ in range(WIDTH)))
                row = ("persistent://default/c1", f"d{number}", vector)
                queue.execute(UPSERT, row)
            queue.commit()

    def hour(self) -> None:
        """Change one per cent of it."""
        half, few = self.rows // 200, self.vectors // 200
        old = [self.dice.randrange(self.rows) for _ in range(half)]
        self._write(
            [*old, *range(self.rows, self.rows + half)], [*old[:few], *range(self.rows, self.rows + few)]
        )
        self.rows += half

    @property
    def size(self) -> int:
        return self.database.stat().st_size + self.queue.stat().st_size


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder but of the digests that only the next take reads."""
    return sum(
        path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.suffix != ".pages"
    )


class Ours:
    """The program that is carried to a host."""

    def __init__(self, data: Data, home: Path) -> None:
        self.data, self.folder, self.parent, self.now = data, home / "ours", "", 1_737_342_000
        self.place = {"data": str(data.folder), "backups": str(self.folder), "files": ""}
        self.folder.mkdir()

    def _run(self, name: str, **spec: object) -> Cost:
        words = json.dumps({"place": self.place, **spec})
        return measured([sys.executable, "-I", "-", words], program(name))

    def take(self) -> Cost:
        self.now += 3600
        kind = "hourly" if self.parent else "daily"
        cost = self._run("take_set", kind=kind, now=self.now, parent=self.parent)
        self.parent = max(path.stem for path in (self.folder / "metadata").glob("unified_*.json"))
        return cost

    def restore(self) -> Cost:
        return self._run("restore_set", id=self.parent, elements=[], owner="", stamp="1")


class Restic:
    """SQLite's own copies, given to restic."""

    def __init__(self, data: Data, home: Path) -> None:
        self.data, self.folder, self.stage = data, home / "restic", home / "stage"
        self.stage.mkdir()
        self._restic("init", "--repository-version", "2")

    def _restic(self, *words: str) -> Cost:
        return measured(["restic", "--no-cache", "-r", self.folder, *words], **RESTIC)

    def take(self) -> Cost:
        first = measured(["sqlite3", self.data.database, f".backup {self.stage}/refserver.db"])
        second = measured(["sqlite3", self.data.queue, f".backup {self.stage}/chroma.sqlite3"])
        third = self._restic("backup", str(self.stage))
        return Cost(first.wall + second.wall + third.wall, first.cpu + second.cpu + third.cpu)

    def restore(self, into: Path) -> Cost:
        return self._restic("restore", "latest", "--target", str(into))


def classic(data: Data, home: Path) -> tuple[Cost, int]:
    """The guide's own lines, a full copy each time."""
    folder = home / "classic"
    folder.mkdir(exist_ok=True)
    line = (
        f"sqlite3 {data.database} '.backup {folder}/refserver.db' && gzip -f {folder}/refserver.db && "
        f"tar -C {data.folder} -czf {folder}/chromadb.tar.gz chromadb"
    )
    return measured(["sh", "-c", line]), size_of(folder)


def day(data: Data, home: Path, hours: int) -> dict[str, object]:
    """Take hour by hour with each, and return the table."""
    ours, restic = Ours(data, home), Restic(data, home)
    costs: dict[str, list[Cost]] = {"ours": [], "restic": [], "gzip and tar": []}
    full = 0
    for number in range(hours):
        if number:
            data.hour()
        costs["ours"].append(ours.take())
        costs["restic"].append(restic.take())
        if number in (0, hours - 1):
            cost, size = classic(data, home)
            costs["gzip and tar"].append(cost)
            full += size
        sys.stderr.write(f"hour {number}: {costs['ours'][-1]} {costs['restic'][-1]}\n")
    sizes = {
        "ours": size_of(ours.folder),
        "restic": size_of(restic.folder),
        "gzip and tar": full * hours // 2,
    }
    back = restores(data, home, ours, restic)
    return {
        name: {
            "first s (CPU s)": f"{each[0].wall:.1f} ({each[0].cpu:.1f})",
            "hourly s (CPU s), median": _median(each[1:]),
            "a day MiB": round(sizes[name] / 2**20, 1),
            "restore s (CPU s)": f"{back[name].wall:.1f} ({back[name].cpu:.1f})",
        }
        for name, each in costs.items()
    } | {
        name: f"{cost.wall:.1f} s ({cost.cpu:.1f} CPU s)" for name, cost in back.items() if name not in costs
    }


def restores(data: Data, home: Path, ours: Ours, restic: Restic) -> dict[str, Cost]:
    """Put the last hour back with each, and held against what there was."""
    found: dict[str, Cost] = {}
    wanted = {path: _content(path) for path in (data.database, data.queue)}
    found["cp, synced"] = measured(
        ["sh", "-c", f"cp -r {restic.stage} {home}/copied && sync {home}/copied/*"]
    )
    line = f"gunzip -c {home}/classic/refserver.db.gz > {home}/back.db && sync {home}/back.db"
    found["gzip and tar"] = measured(
        ["sh", "-c", f"{line} && mkdir {home}/t && tar -C {home}/t -xzf {home}/classic/chromadb.tar.gz"]
    )
    found["restic"] = restic.restore(home / "restored")
    found["ours"] = ours.restore()
    for path, content in wanted.items():
        if _content(path) != content:
            raise SystemExit(f"{path} is not what it was")
    return found


def _content(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        table = "documents" if path.name == "refserver.db" else "embeddings_queue"
        return hash(tuple(database.execute(f"SELECT * FROM {table} ORDER BY 1")))


def _median(costs: list[Cost]) -> str:
    wall, cpu = (
        sorted(each)[len(costs) // 2] for each in zip(*((c.wall, c.cpu) for c in costs), strict=True)
    )
    return f"{wall:.1f} ({cpu:.1f})"


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mb", type=int, default=100)
    parser.add_argument("--vectors", type=int, default=10_000)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--dir", help="where there is room for ten times that")
    command = parser.parse_args()
    for name in ("restic", "sqlite3"):
        if not shutil.which(name):
            raise SystemExit(f"Expected the program {name}, found none: apt-get install {name}.")
    with tempfile.TemporaryDirectory(dir=command.dir) as home:
        data = Data(Path(home, "data"), command.mb, command.vectors)
        sys.stderr.write(f"{data.size >> 20} MiB\n")
        print(json.dumps({"MiB": data.size >> 20, **day(data, Path(home), command.hours)}, indent=1))


if __name__ == "__main__":
    main()
