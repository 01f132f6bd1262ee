"""How a container without sshd is asked whether it serves."""

import socket
import threading

import pytest

from agent.errors import BadInventory
from drills.rig import serving
from drills.rig.ports import choose


def test_without_a_label_it_serves() -> None:
    """What nobody said how to ask is ready as soon as it runs."""
    assert serving.look_of({}, {})() == ""


def test_a_mongodb_that_is_not_there_says_so() -> None:
    """Where nothing listens, what is missing is said in words, and nothing is raised."""
    import random

    (port,) = choose(1, random.Random(7))
    look = serving.look_of({serving.READY_LABEL: "mongodb"}, {27017: port})
    assert look() == "MongoDB does not answer (ServerSelectionTimeoutError)"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"+PONG\r\n", ""),
        (b"-NOAUTH Authentication required.\r\n", ""),
        (b"-LOADING Redis is loading\r\n", "Redis answers"),
        (b"", "Redis answers b''"),
    ],
)
def test_a_redis_serves_where_it_answers(answer: bytes, said: str) -> None:
    """A PONG, or that it wants a password; while it loads it does not serve yet."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(64)
                connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        look = serving.look_of({serving.READY_LABEL: "redis"}, {6379: server.getsockname()[1]})
        found = look()
    assert found.startswith(said)
    assert bool(found) is bool(said)


@pytest.mark.parametrize(("word", "port"), [("mysql", 27017), ("mongodb", 22)])
def test_a_label_nobody_can_ask_by_is_refused(word: str, port: int) -> None:
    """An unknown word, or a port that is not published, is an error that names what there is."""
    with pytest.raises(BadInventory, match=r"mongodb \(port 27017\)"):
        serving.look_of({serving.READY_LABEL: word}, {port: 20001})


def test_an_s3_that_listens_serves() -> None:
    """And one that does not says so."""
    import random
    import socket

    (port,) = choose(1, random.Random(11))
    look = serving.look_of({serving.READY_LABEL: "s3"}, {8080: port})
    assert "nobody listens" in look()
    with socket.create_server(("127.0.0.1", port)):
        assert look() == ""
