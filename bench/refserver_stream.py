"""A database shipped by Litestream under load, its host lost at random moments: how many seconds are missing.

    python bench/refserver_stream.py --moments 100

A writer commits and notes the time of each acknowledgement. At each moment what was shipped is copied as it
is, as a share survives its host, and restored; the loss is that moment less the acknowledgement of the first
write that is missing.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from agent.at_rest import stream
from agent.inventory.model import Service
from agent.systems.refserver import Refserver

LITESTREAM = Path(sys.executable).with_name("litestream")


class Writer(threading.Thread):
    """Commits rows, one after the other; `acknowledged` has the time of each."""

    def __init__(self, database: Path, pause: float) -> None:
        super().__init__(daemon=True)
        self.database, self.pause = database, pause
        self.acknowledged: list[float] = []
        self.longest = 0.0
        self.stop = threading.Event()

    def run(self) -> None:
        with closing(sqlite3.connect(self.database, timeout=20, isolation_level=None)) as database:
            while not self.stop.is_set():
                began = time.time()
                database.execute("INSERT INTO documents VALUES (?, ?)", (len(self.acknowledged), "x" * 500))
                self.acknowledged.append(time.time())
                self.longest = max(self.longest, time.time() - began)
                self.stop.wait(self.pause)


def loss(log: Path, folder: Path, writer: Writer) -> float:
    """Return the seconds that are missing where everything but what was shipped is lost now."""
    shutil.rmtree(folder, ignore_errors=True)
    while True:
        try:
            shutil.copytree(log, folder / "log")
            break
        except shutil.Error:
            # A file was compacted away meanwhile.
            shutil.rmtree(folder)
    moment = time.time()
    words = [LITESTREAM, "restore", "-o", folder / "back.db", f"file://{folder}/log"]
    subprocess.run(words, check=True, capture_output=True)
    with closing(sqlite3.connect(folder / "back.db")) as database:
        (count,) = database.execute("SELECT count(*) FROM documents").fetchone()
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("SELECT max(id) FROM documents").fetchone() == (count - 1,)
    first = writer.acknowledged[count] if count < len(writer.acknowledged) else moment
    return max(0.0, moment - first)


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--moments", type=int, default=100)
    parser.add_argument("--pause", type=float, default=0.01, help="seconds between two commits")
    command = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        data = Path(home, "data")
        data.mkdir()
        settings = {"data_dir": str(data), "backup_dir": f"{home}/backups", "continuous": True}
        system = Refserver.of(Service("refserver", "here", "systemd", "refserver", settings))
        with closing(sqlite3.connect(data / "refserver.db")) as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("CREATE TABLE documents (id INTEGER PRIMARY KEY, text TEXT)")
        Path(system.stream).mkdir(parents=True)
        Path(stream.config(system)).write_text(stream.files(system)[stream.config(system)])
        shipping = subprocess.Popen(
            [LITESTREAM, "replicate", "-config", stream.config(system)], stderr=subprocess.DEVNULL
        )
        writer, dice = Writer(data / "refserver.db", command.pause), random.Random(8)
        writer.start()
        try:
            while not list(Path(system.stream, "log").rglob("*.ltx")):
                time.sleep(0.1)
            losses = []
            for _ in range(command.moments):
                time.sleep(dice.uniform(0.2, 1.5))
                losses.append(loss(Path(system.stream, "log"), Path(home, "far"), writer))
        finally:
            writer.stop.set()
            shipping.terminate()
            shipping.wait()
        losses.sort()
        wal = data / "refserver.db-wal"
        told = {
            "moments": len(losses),
            "commits": len(writer.acknowledged),
            "loss s, median": round(losses[len(losses) // 2], 2),
            "loss s, p99": round(losses[min(len(losses) - 1, int(len(losses) * 0.99))], 2),
            "loss s, most": round(losses[-1], 2),
            "longest commit s": round(writer.longest, 2),
            "wal MiB at the end": round(wal.stat().st_size / 2**20, 1) if wal.exists() else 0,
        }
        print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
