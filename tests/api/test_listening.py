"""TLS or loopback only: what is refused, by its code, and what is listened on with a real handshake."""

from __future__ import annotations

import datetime
import ipaddress
import re
import ssl
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from agent.api.listening import check_place, is_loopback, listen
from agent.cli import main
from agent.cli.parser import parse
from agent.errors import Refused, Usage
from tests.api.conftest import World


@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, str]:
    """A certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ref1")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=1))
    builder = builder.not_valid_after(now + datetime.timedelta(days=1))
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    cert = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    paths = tmp_path / "api.crt", tmp_path / "api.key"
    paths[0].write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    pem, none = serialization.Encoding.PEM, serialization.NoEncryption()
    paths[1].write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, none))
    paths[1].chmod(0o600)
    return str(paths[0]), str(paths[1])


@pytest.mark.parametrize(
    ("bind", "alone"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.1", False),
        ("ref1", False),
        ("127.0.0.1.example.com", False),
        ("", False),
    ],
)
def test_which_addresses_are_this_machine_alone(bind: str, alone: bool, pair: tuple[str, str]) -> None:
    """Any other one is refused without TLS, and taken with it."""
    assert is_loopback(bind) is alone
    if alone:
        assert check_place(bind, "", "") is None
    else:
        with pytest.raises(Refused, match="--cert"):
            check_place(bind, "", "")
    assert isinstance(check_place(bind, *pair), ssl.SSLContext)


def test_what_is_no_certificate(pair: tuple[str, str], tmp_path: Path) -> None:
    """Half of a pair, a file that is none, a key for everybody to read: refused, before anything listens."""
    cert, key = pair
    (tmp_path / "junk").write_text("junk")
    for wrong in ((cert, ""), ("", key), (str(tmp_path / "junk"), key), (cert, "/nonexistent")):
        with pytest.raises(Usage):
            check_place("0.0.0.0", *wrong)
    Path(key).chmod(0o644)
    with pytest.raises(Refused, match="chmod"):
        check_place("0.0.0.0", cert, key)


def test_a_taken_port_is_said() -> None:
    """With what to do."""
    with listen("127.0.0.1", 0) as taken, pytest.raises(Usage, match="--port"):
        listen("127.0.0.1", taken.getsockname()[1])


def test_serve_refuses_a_bind_without_tls(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Code 23, and one sentence; nothing was listened on."""
    words = ["serve", "refserver", "-i", str(world.inventory), "--runs", str(world.runs)]
    assert main([*words, "--bind", "0.0.0.0"]) == 23
    assert "a token would be readable on the way" in capsys.readouterr().err
    assert not (world.runs / "api").exists()


def test_serve_speaks_tls(world: World, pair: tuple[str, str]) -> None:
    """To whom trusts its certificate, no less than TLS 1.2; in the clear nothing is answered."""
    cert, key = pair
    context = check_place("127.0.0.1", cert, key)
    assert context
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    url = world.serve("--cert", cert, "--key", key)
    assert url.startswith("https://")
    trusted = ssl.create_default_context(cafile=cert)
    assert httpx.get(f"{url}/health", verify=trusted, timeout=60).json()["status"] == "ok"
    history = httpx.get(f"{url}/admin/backup/history", verify=trusted, headers=world.holder, timeout=60)
    assert history.status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/health", timeout=60)
    with pytest.raises(httpx.HTTPError):
        httpx.get(url.replace("https", "http") + "/health", timeout=60)


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--limit", "nobody"], 22, "nobody"),
        (["--page", "redis_aof"], 64, "by its parameter `backup`"),
        (["--tokens", "/nonexistent/tokens.json"], 64, "drillyard token add"),
    ],
)
def test_serve_says_what_is_missing(
    world: World, more: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before it listens."""
    words = ["serve", "refserver", "-i", str(world.inventory), "--runs", str(world.runs), "--port", "0"]
    assert main([*words, *more]) == code
    assert said in capsys.readouterr().err


def test_the_unit_starts_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Its command line parses, with what its head says of the environment file."""
    assert main(["serve", "refserver", "--unit"]) == 0
    unit = capsys.readouterr().out
    (started,) = re.findall(r"^ExecStart=/usr/bin/env drillyard (.*)$", unit, re.MULTILINE)
    (more,) = re.findall(r"SERVE=(--\S+ \S+)", unit)
    meant = parse(started.replace("$SERVE", more).split())
    assert (meant.system, meant.limit, meant.bind, meant.port) == ("refserver", "ref1", "127.0.0.1", 8061)
    assert "Restart=always" in unit


def test_two_servers_do_not_keep_the_same_operations(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second one ends with the code of a lock."""
    world.serve()
    words = ["serve", "refserver", "-i", str(world.inventory), "--runs", str(world.runs), "--port", "0"]
    assert main(words) == 24
    assert "Another `drillyard serve`" in capsys.readouterr().err
