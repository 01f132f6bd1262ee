"""auto-recover runs what it showed only while the service is still as it was then."""

from argparse import Namespace

import pytest

from agent.cli import main, runs, status
from agent.diagnosis.health import DEGRADED, DOWN, OLD_BACKUP, SOUND, UNSEEN, Health
from agent.diagnosis.remedy import Advice
from agent.errors import Refused
from agent.systems import Symptom

HOSTS = """all:
  vars:
    ansible_connection: local
    drillyard_state_dir: {0}/state
    serves: {{ollama: {{supervisor: elsewhere, unit: ollama, health: "http://127.0.0.1:9/"}}}}
  hosts: {{test1: {{env: test}}, prod1: {{env: prod}}, live1: {{env: Live}}}}
"""
PAGE = """
title: Start it again
covers: [ollama.down]
system: ollama
on: all
steps: [{{sh: "echo {{{{ host.name }}}} >> {0}/log", changes: a line}}]
"""
TORN = Symptom("redis.files-damaged", DOWN, "Its files are damaged", "", "at byte 7")
FULL = Symptom("redis.disk-full", DOWN, "Its disk is full", "")
SEEN = Health("one", "redis", DOWN, (TORN,))


def recover(monkeypatch, now):
    """Agree to the page for what was seen first, with `now` being what is there when it would begin."""
    begun = []
    monkeypatch.setattr(status, "_look", lambda command: now)
    monkeypatch.setattr(runs, "plan", lambda command: 0)
    monkeypatch.setattr(runs, "run", lambda command: begun.append(command.page) or 0)
    command = Namespace(yes=True, production=set(), page="", limit="", lang="")
    return status._recover(command, Advice(SEEN, {"redis_aof": (TORN,)}, ())), begun


def test_a_backup_that_grew_old_meanwhile_changes_nothing(monkeypatch):
    """Nobody chooses a page by its age: what was agreed to is run."""
    now = Health("one", "redis", DOWN, (TORN, OLD_BACKUP))
    assert recover(monkeypatch, [now]) == (0, ["redis_aof"])


def test_what_is_still_so_is_run(monkeypatch):
    """The same symptoms, whatever their evidence says by now, beside other services."""
    later = Symptom(TORN.id, DOWN, TORN.en, "", "at byte 9")
    other = Health("one", "app", DOWN, (FULL,))
    assert recover(monkeypatch, [other, Health("one", "redis", DOWN, (later,))]) == (0, ["redis_aof"])


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ([Health("one", "redis", SOUND)], "is sound now"),
        ([Health("one", "redis", DOWN, (FULL, TORN))], "redis.disk-full, redis.files-damaged"),
        ([Health("one", "redis", DEGRADED, (FULL,))], "is degraded"),
        ([Health("one", "redis", UNSEEN, unseen=("no answer",))], "could not look"),
        ([], "gone"),
    ],
    ids=["mended", "more", "other", "unseen", "gone"],
)
def test_what_has_changed_is_not_run(monkeypatch, now, said):
    """Somebody mended it, it became worse, or nobody can tell: then what was agreed to is not for it."""
    with pytest.raises(Refused, match=said):
        recover(monkeypatch, now)


def test_whoever_is_production_to_a_run_is_so_to_auto_recover(tmp_path, capsys):
    """`--yes` stands for no person there, also where `env` says prod or Live and the host was named."""
    (tmp_path / "hosts.yml").write_text(HOSTS.format(tmp_path))
    place = [
        "-i",
        str(tmp_path / "hosts.yml"),
        "--pages",
        str(tmp_path / "pages"),
        "--runs",
        str(tmp_path / "runs"),
    ]
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages/restart.yml").write_text(PAGE.format(tmp_path))
    words = ["auto-recover", *place, "--yes"]
    assert main([*words, "--limit", "test1"]) == 0
    for name in ("prod1", "live1"):
        assert main([*words, "--limit", name, "--confirm", name]) == 23
        assert f"{name}: restart would be run, and nobody agreed." in capsys.readouterr().err
    assert (tmp_path / "log").read_text() == "test1\n"
