"""A host is silent only where nobody takes a connection in or turns it down, at any of several looks."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from agent.payload import answers

NOWHERE = "http://nobody.invalid:8060/health"


@pytest.fixture
def late() -> Iterator[socket.socket]:
    """A port that takes connections in and says nothing for longer than anybody waits."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def port(server: socket.socket) -> int:
    """Its number."""
    return int(server.getsockname()[1])


def spec(*ways: str, looks: int = 2, span: float = 0.2) -> dict[str, object]:
    """Ways that are looked at twice."""
    return {"ways": list(ways), "looks": looks, "span": span, "patience": 0.3}


def test_nobody_answers() -> None:
    """Every look was made, and each way says what kept the answer from coming."""
    found = answers.look(spec(NOWHERE, "nobody.invalid:22"))
    assert (found["answers"], found["looks"]) == ({}, 2)
    assert list(found["silent"]) == [NOWHERE, "nobody.invalid:22"]


def test_one_that_answers_late_answers(late: socket.socket) -> None:
    """The health check takes too long, and somebody took its connection in."""
    way = f"http://127.0.0.1:{port(late)}/health"
    found = answers.look(spec(way))
    assert found["answers"][way].startswith("it takes connections in")
    assert found["looks"] == 1


def test_ssh_alone_is_an_answer(late: socket.socket) -> None:
    """The service's port is silent, the machine is not."""
    way = f"127.0.0.1:{port(late)}"
    assert answers.look(spec(NOWHERE, way))["answers"] == {way: "it takes connections in"}


def test_a_port_that_turns_down_is_an_answer() -> None:
    """A machine that runs says so itself."""
    with socket.socket() as mine:
        mine.bind(("127.0.0.1", 0))
        way = f"http://127.0.0.1:{port(mine)}/health"
        assert answers.look(spec(way))["answers"] == {way: "it turns connections down"}


def test_one_that_comes_back_in_between_is_seen() -> None:
    """The first look finds nobody, a later one does: what only rebooted is not lost."""
    come = threading.Event()
    real = socket.create_connection

    with socket.create_server(("127.0.0.1", 0)) as server:
        way = f"127.0.0.1:{port(server)}"

        def rebooting(*args: object, **more: object) -> socket.socket:
            if not come.is_set():
                come.set()
                raise TimeoutError("timed out")
            return real(*args, **more)  # type: ignore[arg-type]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(answers.socket, "create_connection", rebooting)
            found = answers.look(spec(way, looks=4, span=0.3))
    assert found == {"answers": {way: "it takes connections in"}, "looks": 2, "silent": {}}


def test_a_server_that_answers_is_named_by_its_code() -> None:
    """However badly it is."""

    def serve(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                peer, _ = server.accept()
                with peer:
                    if peer.recv(1000):
                        peer.sendall(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        way = f"http://127.0.0.1:{port(server)}/health"
        assert answers.look({**spec(way), "patience": 60})["answers"] == {way: "503"}
