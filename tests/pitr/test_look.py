"""How a server is seen from outside: one that does not serve us may live all the same."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from agent.pitr.address import straight
from agent.pitr.look import look
from tests.mongo_standin import MongoServer
from tests.pitr.capturing import until
from tests.ports import free_port


def test_a_secondary_that_is_left_is_seen(server: MongoServer) -> None:
    """A set without a primary answers nobody who asks for one; its data are there still."""
    server.client().shop.a.insert_many([{"_id": n} for n in range(3)])
    uri = f"mongodb://127.0.0.1:{server.port}/?replicaSet=secantus"
    assert (look(uri).up, look(uri).lives) == (True, "")
    server.client().admin.command({"replSetStepDown": 600, "force": True})
    now = look(uri)
    assert not now.up
    assert now.lives == f"127.0.0.1:{server.port}, a secondary of a set without a primary, has 3 documents"
    assert now.lives in now.symptoms
    server.kill()
    assert (look(uri).up, look(uri).lives) == (False, "")


def test_who_refuses_us_lives(server: MongoServer) -> None:
    """A password that was changed is no loss of data."""
    server.client().admin.command("createUser", "root", pwd="good", roles=["root"])
    server.stop()
    server.start("--auth")
    for user in ("root:bad@", ""):
        now = look(f"mongodb://{user}127.0.0.1:{server.port}/?directConnection=true")
        assert (now.up, now.lives) == (False, "it answers, and does not let us in")


def test_a_certificate_that_is_not_trusted_is_somebodys(tmp_path: Path) -> None:
    """It expired, or our file of authorities is old: whoever shows it is there."""
    port, words = free_port(), ["-keyout", "k", "-out", "c", "-days", "2", "-subj", "/CN=mongo"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *words]
    subprocess.run(made, cwd=tmp_path, check=True, capture_output=True)
    serve = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-key", "k", "-cert", "c", "-quiet"]
    uri = f"mongodb://127.0.0.1:{port}/?directConnection=true&tls=true"
    with subprocess.Popen(serve, cwd=tmp_path, stdin=subprocess.PIPE) as process:
        until(lambda: look(uri).lives == "it answers in TLS, and its certificate is not trusted")
        process.kill()
    assert look(uri).lives == ""


@pytest.mark.parametrize(
    ("present", "to"),
    [
        (
            "mongodb://u:p%40@a:1,b:2/shop?replicaSet=rs0&tls=true&tlsCAFile=/ca.pem&readPreference=nearest",
            "mongodb://u:p%40@b:2/shop?tls=true&tlsCAFile=/ca.pem&directConnection=true",
        ),
        (
            "mongodb+srv://u:p@c.example/shop?retryWrites=true",
            "mongodb://u:p@b:2/shop?retryWrites=true&tls=true&authSource=admin&directConnection=true",
        ),
    ],
    ids=["its members", "its name's records"],
)
def test_the_address_of_one_member(present: str, to: str) -> None:
    """The same login and options, without what belongs to the whole set."""
    assert straight(present, "b:2") == to
