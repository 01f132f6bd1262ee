"""Each channel delivers to a real server or command, and says why where it cannot."""

import email
import email.policy
import smtplib

import pytest

from agent.errors import BadInventory
from agent.inventory import Where
from agent.notify import command, slack, smtp
from agent.notify.escalation import Call
from agent.notify.ladder import read_ladder
from agent.notify.message import Message, Situation
from agent.notify.send import send
from agent.secrets import Secret
from tests.notify.servers import mail_server, webhook

MESSAGE = Message("[drillyard] redis_aof: 복구 진행 중", "Why: a < b & c\n로그 점검")


@pytest.fixture
def hook(monkeypatch):
    """A webhook, its address in a variable."""
    with webhook() as found:
        monkeypatch.setenv("NOTIFY_HOOK", found.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield found


def test_slack(hook):
    """The message arrives, whom it is for in front, Slack's three characters escaped."""
    slack.send(slack.Settings(Secret("env", "NOTIFY_HOOK")), "<@U0>", MESSAGE)
    (got,) = hook.got
    assert got["text"].startswith("<@U0> *[drillyard] redis_aof: 복구 진행 중*")
    assert "a &lt; b &amp; c" in got["text"]


@pytest.mark.parametrize(("status", "said"), [(404, "404"), (302, "elsewhere")])
def test_slack_that_does_not_take_it(hook, status, said):
    """A refusal, or a redirect behind which nobody reads, is an error."""
    hook.refusals, hook.status = 1, status
    with pytest.raises(OSError, match=said):
        slack.send(slack.Settings(Secret("env", "NOTIFY_HOOK")), "", MESSAGE)
    assert not hook.got


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://hooks.example/T0"])
def test_slack_only_by_https(url, monkeypatch):
    """The address is a secret: it is not sent in the clear, and names no file."""
    monkeypatch.setenv("NOTIFY_HOOK", url)
    with pytest.raises(BadInventory, match="https"):
        slack.send(slack.Settings(Secret("env", "NOTIFY_HOOK")), "", MESSAGE)


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_mail(tls, tmp_path, monkeypatch):
    """Encrypted, logged in, Korean whole, marked as sent by a machine."""
    monkeypatch.setenv("NOTIFY_MAIL", "right")
    with mail_server(tmp_path, tls=tls) as mails:
        settings = smtp.Settings(
            "127.0.0.1",
            "dr@chat.example",
            port=mails.port,
            tls=tls,
            user="dr",
            password=Secret("env", "NOTIFY_MAIL"),
            ca_file=str(tmp_path / "cert.pem"),
        )
        smtp.send(settings, "lead@chat.example", MESSAGE)
    (got,) = mails.got
    assert got.rcpt_tos == ["lead@chat.example"]
    mail = email.message_from_bytes(got.content, policy=email.policy.default)
    assert mail["Subject"] == MESSAGE.subject
    assert "로그 점검" in mail.get_content()
    assert mail["Auto-Submitted"] == "auto-generated"


def test_mail_refused(tmp_path, monkeypatch):
    """A certificate nobody vouches for ends it before the password is sent; so does a wrong password."""
    monkeypatch.setenv("NOTIFY_MAIL", "wrong")
    with mail_server(tmp_path) as mails:
        given = {"port": mails.port, "user": "dr", "password": Secret("env", "NOTIFY_MAIL")}
        with pytest.raises(OSError, match="certificate verify failed"):
            smtp.send(smtp.Settings("127.0.0.1", "dr@x", **given), "lead@x", MESSAGE)
        trusting = smtp.Settings("127.0.0.1", "dr@x", ca_file=str(tmp_path / "cert.pem"), **given)
        with pytest.raises(smtplib.SMTPAuthenticationError):
            smtp.send(trusting, "lead@x", MESSAGE)
    assert not mails.got


def test_command(tmp_path):
    """The command reads the message on its stdin and finds whom it is for."""
    words = ("sh", "-c", 'printf %s "$DRILLYARD_TO" > "$0"; cat >> "$0"', str(tmp_path / "out"))
    settings = command.Settings(words)
    command.send(settings, "+82 10", MESSAGE)
    assert (tmp_path / "out").read_text().startswith("+82 10[drillyard] redis_aof")
    assert "로그 점검" in (tmp_path / "out").read_text()


@pytest.mark.parametrize(
    ("words", "within", "said"),
    [
        (("sh", "-c", "echo no credit >&2; exit 3"), 60, "code 3: no credit"),
        (("/no/such/pager",), 60, "No such file"),
        # Its child holds the pipe open: the whole group is ended.
        (("sh", "-c", "sleep 600 & sleep 600"), 0.2, "did not end in 0.2 s"),
    ],
)
def test_command_that_fails(words, within, said):
    """What went wrong is said."""
    with pytest.raises(OSError, match=said):
        command.send(command.Settings(words), "", MESSAGE, within=within)


def test_whatever_goes_wrong_is_a_sentence_without_the_secret(monkeypatch):
    """The recovery never meets an error of a notification, and nobody reads the webhook in it."""
    monkeypatch.setenv("NOTIFY_BAD", "http://[nonsense/xoxb-very-secret")
    data = {
        "channels": {"slack": {"url": Secret("env", "NOTIFY_BAD")}},
        "contacts": {"oncall": {"by": {"slack": ""}}},
        "levels": [{"from": 0, "tell": ["oncall"]}],
    }
    situation = Situation("p", "t", ("one",), (), 1, 0, "/runs/r", "drillyard resume /runs/r")
    said = send(read_ladder(data, Where("x")), Call(0, "oncall", "slack"), situation)
    assert said
    assert "xoxb-very-secret" not in said
