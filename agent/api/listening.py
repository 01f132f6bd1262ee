"""Where the API may listen: on this machine alone, or with TLS."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from pathlib import Path

from agent.errors import Refused, Usage


def check_place(bind: str, cert: str, key: str) -> ssl.SSLContext | None:
    """Return the TLS to listen with, or None on loopback without any.

    Raises:
        Usage: certificate and key do not come together, or are of no use.
        Refused: another machine could listen in, or everybody can read the key.
    """
    if bool(cert) != bool(key):
        raise Usage("Expected --cert and --key together, found one of them.")
    if cert:
        return _tls(cert, key)
    if not is_loopback(bind):
        raise Refused(
            f"Expected a certificate and a key to listen on {bind}, which other machines reach, found none: "
            "a token would be readable on the way.",
            do="Add --cert FILE --key FILE, or listen on 127.0.0.1.",
        )
    return None


def is_loopback(bind: str) -> bool:
    """Whether an address is this machine's alone; a name other than localhost is not trusted to be."""
    try:
        return bind == "localhost" or ipaddress.ip_address(bind).is_loopback
    except ValueError:
        return False


def listen(bind: str, port: int) -> socket.socket:
    """Return a socket that listens there; port 0 is any free one.

    Raises:
        Usage: nothing can listen there.
    """
    address = "127.0.0.1" if bind == "localhost" else bind
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family, backlog=128)
    except OSError as error:
        raise Usage(
            f"Expected to listen on {bind} port {port}, found: {error.strerror or error}.",
            do="Name another --bind or --port, or end what listens there.",
        ) from None


def _tls(cert: str, key: str) -> ssl.SSLContext:
    try:
        if Path(key).stat().st_mode & 0o007:
            raise Refused(f"{key}: expected a key that not everybody can read.", do=f"chmod o= {key}")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # Without an answer it would ask at the terminal for a passphrase, and a service has none.
        context.load_cert_chain(cert, key, password=lambda: "")
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", "") or getattr(error, "strerror", "") or "it is not PEM"
        raise Usage(f"Expected {cert} and {key} to be a certificate and its key, found: {why}.") from None
    return context
