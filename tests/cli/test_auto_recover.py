"""auto-recover runs what it showed only while the service is still as it was then."""

from argparse import Namespace

import pytest

from agent.cli import runs, status
from agent.diagnosis.health import DEGRADED, DOWN, SOUND, UNSEEN, Health
from agent.diagnosis.remedy import Advice
from agent.errors import Refused
from agent.systems import Symptom

TORN = Symptom("redis.files-damaged", DOWN, "Its files are damaged", "", "at byte 7")
FULL = Symptom("redis.disk-full", DOWN, "Its disk is full", "")
SEEN = Health("one", "redis", DOWN, (TORN,))


def recover(monkeypatch, now):
    """Agree to the page for what was seen first, with `now` being what is there when it would begin."""
    begun = []
    monkeypatch.setattr(status, "_look", lambda command: now)
    monkeypatch.setattr(runs, "plan", lambda command: 0)
    monkeypatch.setattr(runs, "run", lambda command: begun.append(command.page) or 0)
    command = Namespace(yes=True, production=set(), page="", limit="")
    return status._recover(command, Advice(SEEN, {"redis_aof": (TORN,)}, ())), begun


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
