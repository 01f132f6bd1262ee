"""What is seen of an application from its own host: each thing as it is, and nothing is changed."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from agent.payload.app_facts import facts, listener, reach
from agent.payload.bundle import program
from agent.payload.visit import visit
from tests.systems.app.seen import certificate

DAY = 86_400


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Be well, and say what was asked."""
        self.send_response(503 if self.path == "/sick" else 200)
        self.end_headers()
        self.wfile.write(self.path.encode())

    def log_message(self, *words: Any) -> None:
        """Say nothing."""


@contextmanager
def web(tls: Path | None = None) -> Iterator[int]:
    """A web server on a port of its own; `tls` is the folder of its certificate."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answer)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls / "cert.pem", tls / "key.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def tls(tmp_path: Path) -> Callable[[float], Path]:
    """Make a folder with a certificate that ends so many seconds from now."""

    def make(ends: float) -> Path:
        pem, key = certificate(ends, now=time.time())
        (tmp_path / "cert.pem").write_bytes(pem)
        (tmp_path / "key.pem").write_bytes(key)
        return tmp_path

    return make


def test_a_health_check_over_tls(tls: Callable[[float], Path]) -> None:
    """The answer, how long it took, and the certificate: the one shown and the one in the file."""
    folder = tls(20 * DAY)
    with web(folder) as port:
        spec = {
            "seconds": 60,
            "health": f"https://localhost:{port}/well",
            "certificate": str(folder / "cert.pem"),
        }
        found = facts({**spec, "authority": str(folder / "cert.pem")})
    assert (found["health"]["status"], found["health"]["body"], found["health"]["trouble"]) == (
        200,
        "/well",
        "",
    )
    assert found["shown"] == found["kept"] != ""


def test_an_expired_certificate(tls: Callable[[float], Path]) -> None:
    """It is told from one that is not trusted; and it is shown all the same."""
    folder = tls(-DAY)
    with web(folder) as port:
        spec = {"seconds": 60, "health": f"https://localhost:{port}/", "authority": str(folder / "cert.pem")}
        found = facts(spec)
        assert (found["health"]["status"], found["health"]["trouble"]) == (0, "expired")
        assert found["shown"]
        assert found["kept"] == ""


def test_a_certificate_of_nobody_we_trust(tls: Callable[[float], Path]) -> None:
    """That is a trouble of its own."""
    with web(tls(DAY)) as port:
        assert visit(f"https://localhost:{port}/", {"seconds": 60})["trouble"] == "tls"


def test_each_trouble_has_its_word() -> None:
    """Nobody there, nobody who answers, one who hangs up, no such name; and an answer that is bad is one."""
    with web() as port:
        assert visit(f"http://127.0.0.1:{port}/sick", {"seconds": 60})["status"] == 503
    with socket.socket() as mine:
        mine.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{mine.getsockname()[1]}/"
        assert visit(url, {})["trouble"] == "refused"
        mine.listen()
        assert visit(url, {"seconds": 0.2})["trouble"] == "timeout"

        def hang_up() -> None:
            mine.accept()[0].close()
            mine.accept()[0].close()

        # The first is the one that was not answered.
        thread = threading.Thread(target=hang_up)
        thread.start()
        assert visit(url, {"seconds": 60})["trouble"] == "reset"
        thread.join()
    assert visit("http://no-such-name.invalid/", {"seconds": 5})["trouble"] == "name"


def test_reaching_a_dependency() -> None:
    """A connection is enough; what kept it from being made is told."""
    with web() as port:
        assert reach(f"127.0.0.1:{port}", 2)["trouble"] == ""
    with socket.socket() as mine:
        mine.bind(("127.0.0.1", 0))
        assert reach(f"127.0.0.1:{mine.getsockname()[1]}", 2)["trouble"] == "refused"
    assert reach("no-such-name.invalid:1", 2)["trouble"] == "name"


def test_who_listens() -> None:
    """The process by its number, its words and when it began; nobody where nobody does."""
    text = (
        "import socket; s = socket.create_server(('127.0.0.1', 0)); "
        "print(s.getsockname()[1], flush=True); input()"
    )
    process = subprocess.Popen([sys.executable, "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout
    port = int(process.stdout.readline())
    found = listener(port)
    assert found["pids"] == [process.pid]
    assert found["began"].isdigit()
    assert "create_server" in found["args"]
    process.communicate(b"\n")
    assert listener(port) == {}


def test_its_processes_and_their_states() -> None:
    """The main one and what descends from it, frozen or not."""
    process = subprocess.Popen(
        ["sh", "-c", "sleep 60 & echo $!; wait"], stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout
    child = int(process.stdout.readline())
    try:
        os.kill(child, signal.SIGSTOP)
        states, end = {}, time.monotonic() + 120
        # The shell itself is at work for a moment before it waits.
        while states != {process.pid: "S", child: "T"} and time.monotonic() < end:
            found = facts({"health": "http://127.0.0.1:1/", "pid": process.pid})
            states = {each["pid"]: each["state"] for each in found["processes"]}
        assert states == {process.pid: "S", child: "T"}
        assert facts({"health": "http://127.0.0.1:1/", "pid": 0})["processes"] == []
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_releases_in_their_order(tmp_path: Path) -> None:
    """By their numbers, not by their letters; files and links among them are none."""
    releases = tmp_path / "releases"
    for name in ("9", "10", "2026-01-02", "v1.2"):
        (releases / name).mkdir(parents=True)
    (releases / "10/.drillyard-bad").touch()
    (releases / "notes.txt").touch()
    (releases / "latest").symlink_to("10")
    (tmp_path / "current").symlink_to("releases/10")
    where = {"releases": str(releases), "current": str(tmp_path / "current")}
    found = facts({"health": "http://127.0.0.1:1/", "disks": [str(tmp_path), "/no-such-place"], **where})
    assert [(each["name"], each["bad"]) for each in found["releases"]] == [
        ("9", False),
        ("10", True),
        ("2026-01-02", False),
        ("v1.2", False),
    ]
    assert found["current"] == "10"
    assert abs(found["now"] - found["switched"]) < 600
    assert list(found["disks"]) == [str(tmp_path)]


def test_as_it_travels_to_a_host() -> None:
    """One text on standard input of a bare python3."""
    done = subprocess.run(
        [sys.executable, "-I", "-", json.dumps({"health": "http://127.0.0.1:1/health"})],
        input=program("app_facts"),
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout)["health"]["trouble"] == "refused"
