"""A message into Slack by an incoming webhook, whose address is itself the secret."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from msgspec import Struct

from agent.errors import BadInventory
from agent.notify.message import Message
from agent.secrets import Secret

_HERE = ("127.0.0.1", "::1", "localhost")


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """The webhook's URL, as a reference."""

    url: Secret


def send(settings: Settings, to: str, message: Message, within: float = 10.0) -> None:
    """Post the message, `to` (`@devops-lead`, `<@U024BE7LH>`, or empty) in front of it.

    Raises:
        BadInventory: the secret leads nowhere, or to no https address.
        OSError: it was not accepted within so many seconds.
    """
    import urllib.request

    url = settings.url.reveal()
    # urllib would also open file: and ftp:, and a webhook sent in the clear is no secret any more.
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _HERE):
        raise BadInventory(f"{settings.url.at}: expected an https:// address of a webhook, found another.")
    text = f"{to} *{_escaped(message.subject)}*\n{_escaped(message.text)}".strip()
    request = urllib.request.Request(
        url,
        data=json.dumps({"text": text, "link_names": 1}).encode(),
        headers={"Content-Type": "application/json; charset=utf-8"},
    )
    with urllib.request.urlopen(request, timeout=within) as answer:
        # A redirected POST has become a GET, and nobody has read the message.
        if answer.url != url:
            raise OSError("the webhook leads elsewhere; expected it to take the message itself")


def _escaped(text: str) -> str:
    """Return `text` as Slack wants it: its three characters of markup as entities."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
