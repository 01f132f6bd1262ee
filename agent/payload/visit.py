"""Visit a URL from its own host: what it answered and how long it took, or what kept it from answering."""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

_EXPIRED = 10  # OpenSSL's X509_V_ERR_CERT_HAS_EXPIRED
_MOST = 65536


def visit(url: str, spec: dict[str, Any]) -> dict[str, Any]:
    """Return `status`, `body` (its beginning), `seconds` and `trouble`: "" where an answer came.

    `spec` may have `authority` (a file of trusted certificates), `seconds` to wait, `method`, `headers` and
    `body`. Troubles are refused, timeout, reset, name, expired, tls and other; `detail` has the words.
    """
    began = time.monotonic()
    answer: dict[str, Any] = {"status": 0, "body": "", "trouble": "", "detail": ""}
    connection = connect(url, spec)
    try:
        parts = urlsplit(url)
        path = (parts.path or "/") + ("?" + parts.query if parts.query else "")
        body = spec.get("body")
        connection.request(spec.get("method", "GET"), path, body, spec.get("headers", {}))
        said = connection.getresponse()
        answer["status"] = said.status
        answer["body"] = said.read(_MOST).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        answer["trouble"], answer["detail"] = trouble(error)
    finally:
        connection.close()
    answer["seconds"] = round(time.monotonic() - began, 3)
    return answer


def connect(url: str, spec: dict[str, Any]) -> http.client.HTTPConnection:
    """Return a connection to a URL's host, not opened yet, that trusts `authority` or the host's own."""
    parts = urlsplit(url)
    seconds = float(spec.get("seconds", 5))
    if parts.scheme in ("https", "wss"):
        context = ssl.create_default_context(cafile=spec.get("authority") or None)
        return http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=seconds, context=context)
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)


def certificate(url: str, seconds: float) -> str:
    """Return the certificate a server shows, good or not, as base64 of its DER; "" where it shows none."""
    parts = urlsplit(url)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    where = (parts.hostname or "", parts.port or 443)
    try:
        with socket.create_connection(where, seconds) as plain:
            plain.settimeout(seconds)
            with context.wrap_socket(plain, server_hostname=parts.hostname) as wrapped:
                return base64.b64encode(wrapped.getpeercert(True) or b"").decode()
    except (OSError, ValueError):
        return ""


def trouble(error: Exception) -> tuple[str, str]:
    """Return one word for what kept an answer from coming, and the error's own words."""
    said = f"{type(error).__name__}: {error}"[:200]
    if isinstance(error, ssl.SSLCertVerificationError):
        return ("expired" if error.verify_code == _EXPIRED else "tls"), error.verify_message or said
    if isinstance(error, (socket.timeout, TimeoutError)):
        return "timeout", said
    if isinstance(error, ConnectionRefusedError):
        return "refused", said
    if isinstance(error, socket.gaierror):
        return "name", said
    if isinstance(error, ssl.SSLError):
        return "tls", said
    if isinstance(error, (ConnectionError, http.client.RemoteDisconnected, http.client.BadStatusLine)):
        return "reset", said
    return "other", said
