"""The inventory's `escalation` is read whole, or refused with its place and the word that is wrong."""

import copy
import re

import pytest

from agent.cli import main
from agent.errors import BadInventory
from agent.inventory import Host, Where, read_inventory
from agent.notify.ladder import kinds, ladder_of, read_ladder
from agent.secrets import Secret
from tests.documents import ROOT

AT = Where("group_vars/all.yml", 7)
SOUND = {
    "channels": {
        "slack": {"url": Secret("env", "HOOK")},
        "mail": {"kind": "smtp", "host": "mx", "from": "dr@x", "user": "dr", "password": Secret("env", "P")},
        "pager": {"kind": "command", "run": ["page", "--now"]},
    },
    "contacts": {"oncall": {"role": {"en": "on call", "ko": "온콜"}, "by": {"slack": "@oncall"}}},
    "levels": [{"from": 0, "tell": ["oncall"]}],
}


def test_a_sound_ladder():
    """Channels are found by their file, under any name."""
    ladder = read_ladder(SOUND, AT)
    assert kinds() == ("command", "slack", "smtp")
    assert ladder.channels["mail"].settings.port == 587
    assert ladder.channels["mail"].settings.tls == "starttls"


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("channels", "slack", "url"), "https://hooks.example/x", "channels.slack.url is written out"),
        (("channels", "mail", "password"), "hunter2", "channels.mail.password is written out"),
        (("channels", "mail", "tls"), "none", "in the clear"),
        (("channels", "mail", "user"), "", "no user to log in as"),
        (("channels", "mail", "prot"), 25, "prot"),
        (("channels", "mail", "kind"), "smpt", "Did you mean smtp?"),
        (("channels", "pager", "run"), [], "words"),
        (("contacts", "oncall", "by"), {"slak": "@x"}, "Did you mean slack?"),
        (("contacts", "oncall", "by"), {}, "nobody could tell them"),
        (("levels", 0, "tell"), ["on-call"], "Did you mean oncall?"),
        (("levels", 0, "from"), -1, "minutes from 0"),
        (("levels", 0, "from"), "15m", "expected a number, got text"),
        (("levels",), [], "at least one level"),
        (("levels",), "soon", "expected a list"),
        (("tries",), 0, "1 to 100"),
        (("ladder",), [], "there is nothing called `ladder`"),
    ],
)
def test_what_is_wrong_is_named(place, value, said):
    """The sentence has file and line, the part that is wrong, and how to run all the same."""
    broken = copy.deepcopy(SOUND)
    inside = broken
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = value
    with pytest.raises(BadInventory) as refused:
        read_ladder(broken, AT)
    assert said in str(refused.value)
    assert str(refused.value).startswith("group_vars/all.yml:7: escalation: ")
    assert "hunter2" not in str(refused.value)
    assert "hooks.example" not in str(refused.value)


def test_no_ladder_is_none():
    """A rehearsal's inventory has none, and nobody is told."""
    assert ladder_of([Host("one"), Host("two", vars={"escalation": None})]) is None


def test_the_documents_ladder_is_sound(tmp_path, capsys):
    """What docs/operators/escalation.md shows can be copied; `runbooks check` reads it, and a broken one."""
    (shown,) = re.findall(
        r"```yaml\n(.*?)```", (ROOT / "docs/operators/escalation.md").read_text(), re.DOTALL
    )
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars/all.yml").write_text(shown)
    (tmp_path / "hosts.yml").write_text(
        "all: {hosts: {one: {serves: {redis: {supervisor: systemd, unit: r}}}}}"
    )
    (tmp_path / "page.yml").write_text("title: T\nsteps: [{id: a, sh: 'true', reads: true}]\n")
    check = ["runbooks", "check", str(tmp_path / "page.yml"), "-i", str(tmp_path / "hosts.yml")]
    assert main(check) == 0
    (tmp_path / "group_vars/all.yml").write_text(shown.replace("tell: [cto, aws]", "tell: [cto, asw]"))
    assert main(check) == 21
    assert "all.yml:1: escalation: levels[2].tell names the contact asw" in capsys.readouterr().err


def test_the_example_is_sound():
    """The inventory to copy has the playbook's ladder: on call, leads, then the CTO and vendors."""
    ladder = ladder_of(list(read_inventory(ROOT / "inventory/example")))
    assert [level.start for level in ladder.levels] == [0, 15, 30]
    assert ladder.levels[1].tell == ("devops-lead", "backend-lead")
