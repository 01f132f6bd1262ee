"""Servers that keep what they are sent: a Slack webhook, and a mail server with and without TLS."""

import datetime
import ipaddress
import json
import socket
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class Hook:
    """A webhook at `url`: `got` are the messages; the next `refusals` to `refused` get `status`."""

    def __init__(self):
        self.got: list[dict] = []
        self.refusals = 0
        self.status = 503
        self.refused = ""
        self.arrived = threading.Condition()
        self.url = ""

    def wait_for(self, count: int, to: str = "") -> list[dict]:
        """The messages, once there are so many that begin with `to`, or a minute is up."""
        with self.arrived:
            self.arrived.wait_for(lambda: sum(got["text"].startswith(to) for got in self.got) >= count, 60)
            return list(self.got)


@contextmanager
def webhook():
    """A webhook on this machine."""
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with hook.arrived:
                refused = hook.refusals > 0 and json.loads(body)["text"].startswith(hook.refused)
                hook.refusals -= refused
                if not refused:
                    hook.got.append(json.loads(body))
                    hook.arrived.notify_all()
            self.send_response(hook.status if refused else 200)
            if refused and hook.status == 302:
                self.send_header("Location", hook.url + "/elsewhere")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    hook.url = f"http://127.0.0.1:{server.server_port}/services/T0/B0/xoxb-secret"
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()


class OnAnyPort(Controller):
    """Takes the port that the system gives it: a free one that was only looked for is anybody's."""

    def _create_server(self):
        self._listening = socket.create_server((self.hostname, 0))
        self.port = self._listening.getsockname()[1]
        return self.loop.create_server(self._factory_invoker, sock=self._listening, ssl=self.ssl_context)


class Mails:
    """Keeps every mail."""

    def __init__(self):
        self.got: list = []
        self.port = 0

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 - aiosmtpd's name
        """Keep one."""
        self.got.append(envelope)
        return "250 kept"


@contextmanager
def mail_server(folder: Path, *, tls: str = "starttls"):
    """A mail server that takes the login `dr` / `right`; its certificate lies in `folder`/cert.pem."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate(folder)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    mails = Mails()

    def judge(_server, _session, _envelope, _mechanism, given):
        good = isinstance(given, LoginPassword) and (given.login, given.password) == (b"dr", b"right")
        return AuthResult(success=good, handled=False)

    settings = {"authenticator": judge, "auth_required": True}
    if tls == "starttls":
        settings |= {"tls_context": context, "require_starttls": True}
    else:
        settings |= {"ssl_context": context, "auth_require_tls": False, "auth_required": False}
    server = OnAnyPort(mails, hostname="127.0.0.1", port=0, ready_timeout=60, **settings)
    server.start()
    mails.port = server.port
    try:
        yield mails
    finally:
        server.stop()


def certificate(folder: Path) -> None:
    """A certificate for 127.0.0.1 that only who was given it trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
