"""A message by mail: encrypted by STARTTLS, or TLS from the first byte, logged in by a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field

from agent.notify.message import Message
from agent.secrets import Secret

if TYPE_CHECKING:
    from email.message import EmailMessage


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """The mail server and who we are to it.

    `tls` is starttls, implicit (port 465, as a rule) or none, with which no password is sent. `ca_file`
    holds the certificates to trust where the system's do not do.
    """

    host: str
    sender: str = field(name="from")
    port: int = 587
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    user: str = ""
    password: Secret | None = None
    ca_file: str = ""

    def __post_init__(self) -> None:
        if self.password and not self.user:
            raise ValueError("there is a password and no user to log in as")
        if self.password and self.tls == "none":
            raise ValueError("a password would be sent in the clear: tls should be starttls or implicit")


def send(settings: Settings, to: str, message: Message, within: float = 10.0) -> None:
    """Mail the message to one address.

    Raises:
        BadInventory: the password's reference leads nowhere.
        OSError: it was not accepted within so many seconds a word; what smtplib raises is one.
    """
    import smtplib
    import ssl

    password = settings.password.reveal() if settings.password else ""
    trusted = ssl.create_default_context(cafile=settings.ca_file or None)
    server = (
        smtplib.SMTP_SSL(settings.host, settings.port, timeout=within, context=trusted)
        if settings.tls == "implicit"
        else smtplib.SMTP(settings.host, settings.port, timeout=within)
    )
    try:
        if settings.tls == "starttls":
            server.starttls(context=trusted)
        if settings.user:
            server.login(settings.user, password)
        server.send_message(_mail(settings.sender, to, message))
    finally:
        # Not QUIT: after a failed handshake nobody would answer it, and an accepted message needs none.
        server.close()


def _mail(sender: str, to: str, message: Message) -> EmailMessage:
    from email.message import EmailMessage
    from email.utils import formatdate, make_msgid

    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, to, message.subject.replace("\n", " ")
    mail["Date"], mail["Message-ID"] = formatdate(), make_msgid(domain="drillyard.invalid")
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text + "\n")
    return mail
