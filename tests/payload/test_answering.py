"""What answers and what does not, on real sockets: a server, one that is frozen, none, one that hangs up."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.payload.answering import answering
from tests.mongo_standin import MongoServer
from tests.ports import free_port


class _Says(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        """Say what the server says to everybody."""
        self.request.recv(16)
        self.request.sendall(self.server.says)


@pytest.fixture
def server() -> Iterator[socketserver.ThreadingTCPServer]:
    """A server that asks everybody for a password, as Redis does."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Says) as made:
        made.says = b"-NOAUTH Authentication required.\r\n"
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


def asked(port: int, seconds: float = 60) -> dict[str, object]:
    """What is found at a port of this machine."""
    return answering({"where": f"127.0.0.1:{port}", "seconds": seconds})


def test_who_asks_for_a_password_answers(server: socketserver.ThreadingTCPServer) -> None:
    """It lives; one that only hangs up does not say so."""
    assert asked(server.server_address[1])["answers"]
    server.says = b""
    assert not asked(server.server_address[1])["answers"]


def test_a_connection_is_no_answer() -> None:
    """The kernel of a frozen server makes it; once nobody listens there is not even that."""
    with socket.socket() as mine:
        mine.bind(("127.0.0.1", 0))
        port = mine.getsockname()[1]
        assert asked(port)["trouble"] == "refused"
        mine.listen()
        assert asked(port, 0.5)["trouble"] == "timeout"


@pytest.fixture(params=["no", "yes"])
def in_tls(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[int]:
    """The port of a Redis that speaks TLS alone, to anybody or to those who show a certificate."""
    cert, key, port = str(tmp_path / "cert"), str(tmp_path / "key"), free_port()
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=redis", "-days", "2"]
    subprocess.run([*words, "-out", cert, "-keyout", key], check=True, capture_output=True)
    files = ["--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert]
    told = ["--port", "0", "--tls-port", str(port), "--tls-auth-clients", request.param, "--save", ""]
    with subprocess.Popen(
        ["redis-server", *told, *files, "--dir", str(tmp_path)], stdout=subprocess.DEVNULL
    ) as process:
        while process.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
        yield port
        process.kill()


def test_who_wants_tls_answers(in_tls: int) -> None:
    """It hangs up on whoever does not speak it, and is alive: nobody is to leave it for lost."""
    assert asked(in_tls)["answers"]


def test_a_mongodb_answers(mongo_server: MongoServer) -> None:
    """It waits for a whole message of its own, and tells whoever comes that it is there."""
    where = {"where": f"127.0.0.1:{mongo_server.port}", "seconds": 60}
    assert answering({**where, "mongodb": True})["answers"]
    where["where"] = f"127.0.0.1:{free_port()}"
    assert not answering({**where, "mongodb": True})["answers"]
