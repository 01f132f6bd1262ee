"""A unit's process for tests, and the `systemctl` that supervises it where there is no systemd.

`python application.py serve DATA PORT` answers /health from a RefServer's data, as long as it can be read;
`python application.py systemctl FOLDER VERB ...` starts, stops and shows that process.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def serve(data: Path, port: int) -> None:
    """Answer /health until SIGTERM."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                with closing(sqlite3.connect(f"file:{data}/refserver.db?mode=ro", uri=True)) as database:
                    (count,) = database.execute("SELECT count(*) FROM documents").fetchone()
                code, said = 200, {"status": "ok", "queue": 0, "documents": count}
            except sqlite3.Error as error:
                code, said = 503, {"status": "down", "detail": str(error)}
            self.send_response(code)
            self.end_headers()
            self.wfile.write(json.dumps(said).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    server.serve_forever()


def supervise(folder: Path, verb: str) -> int:
    """Do what systemctl does for the one unit that there is; it stops nothing while `hold` is a file."""
    pid = _pid(folder)
    spec = json.loads((folder / "unit.json").read_text())
    with (folder / "asked").open("a") as file:
        file.write(f"{verb}\n")
    while verb == "stop" and (folder / "hold").exists():
        time.sleep(0.01)
    if verb in ("stop", "restart") and pid:
        os.kill(pid, signal.SIGTERM)
        while _pid(folder) == pid:
            time.sleep(0.01)
        pid = 0
    if verb in ("start", "restart") and not pid:
        pid = _start(folder, spec)
    if verb == "show":
        told = ["LoadState=loaded", f"ActiveState={'active' if pid else 'inactive'}", f"MainPID={pid}"]
        told += [f"SubState={'running' if pid else 'dead'}", "UnitFileState=enabled", "NRestarts=0"]
        sys.stdout.write("\n".join([*told, "Result=success", "Type=notify", ""]))
    return 0


def _start(folder: Path, spec: dict[str, str]) -> int:
    command = [sys.executable, __file__, "serve", spec["data"], spec["port"]]
    process = subprocess.Popen(command, start_new_session=True, stdout=-3, stderr=-3, stdin=-3)
    (folder / "pid").write_text(str(process.pid))
    while process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", int(spec["port"])), timeout=1):
            return process.pid
        time.sleep(0.02)
    return 0


def _pid(folder: Path) -> int:
    """Return the process that runs; 0 where none does."""
    try:
        pid = int((folder / "pid").read_text())
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, ValueError):
        return 0
    return 0 if state == "Z" else pid


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(Path(sys.argv[2]), int(sys.argv[3]))
    sys.exit(supervise(Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else ""))
