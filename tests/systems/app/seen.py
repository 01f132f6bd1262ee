"""What is seen of an application in tests: sound, but for what is named."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from agent.inventory.model import Service
from agent.supervisors import Status
from agent.systems.app.cause import Seen
from agent.systems.app.server import App

NOW = 1_750_000_000.0
RUNNING = Status("running", enabled=True, pid=10)
ANSWERED = {"status": 200, "body": '{"ok": true}', "seconds": 0.01, "trouble": "", "detail": ""}
SILENT = {"status": 0, "body": "", "seconds": 5.0, "trouble": "timeout", "detail": "timed out"}
REFUSED = {**SILENT, "trouble": "refused", "detail": "Connection refused"}
REACHED = {"trouble": "", "detail": "", "seconds": 0.001}
RELEASES = [{"name": "1", "bad": False}, {"name": "2", "bad": False}]


def service(**settings: Any) -> Service:
    """The application as an inventory has it, its settings changed as named."""
    whole = {
        "health": "https://127.0.0.1:8000/health",
        "needs": {"mongodb": {"address": "mongo1:27017", "page": "mongodb_cluster_loss"}, "redis": "r1:6379"},
        "releases": "/opt/chat/releases",
        "current": "/opt/chat/current",
        **settings,
    }
    return Service("app", "api1", "systemd", "chat-api", {key: whole[key] for key in whole if whole[key]})


def app(**settings: Any) -> App:
    """The application."""
    return App.of(service(**settings))


def seen(status: Status = RUNNING, log: str = "", **facts: Any) -> Seen:
    """A sound application, its release in place for a month, but for what is named."""
    whole = {
        "health": ANSWERED,
        "shown": "",
        "kept": "",
        "listener": {"pids": [10, 11], "pid": 10, "name": "python", "args": "x", "began": "5", "group": "u"},
        "processes": [{"pid": 10, "state": "S"}, {"pid": 11, "state": "S"}],
        "needs": {"mongodb": REACHED, "redis": REACHED},
        "disks": {"/": {"free": 10**10, "size": 10**11, "files": 1000}},
        "now": NOW,
        "releases": RELEASES,
        "current": "2",
        "switched": NOW - 30 * 86_400,
        **facts,
    }
    return Seen(status, log, whole)


def certificate(
    ends: float, *, now: float = NOW, names: tuple[str, ...] = ("localhost",)
) -> tuple[bytes, bytes]:
    """A certificate that ends so many seconds from `now`, and its key, both as PEM; it signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
    end = datetime.fromtimestamp(now, UTC) + timedelta(seconds=ends)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - timedelta(days=100))
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return (
        made.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def shown(ends: float) -> str:
    """That certificate as the facts have it."""
    pem, _ = certificate(ends)
    der = x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)
    return base64.b64encode(der).decode()
