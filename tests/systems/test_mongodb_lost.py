"""Who is restored elsewhere must be lost, and who was replaced stays for a day; else it is refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.errors import ProofFailed, Refused, StepFailed
from agent.pitr.model import CaptureStatus, Record, Replayed, Restored, Status
from agent.providers import Removed
from agent.runbook.load import load_page
from agent.systems import mongodb
from agent.systems.mongodb import Mongodb
from agent.transport.ask import Action, Clock, Done, Sh
from tests.secrets_manager import inventory

EMPTY = "mongodb.started-empty"
WELL = Status(up=True, reads=True, writes=True, documents=3)


@pytest.fixture
def server(tmp_path: Path) -> Mongodb:
    """A server of the inventory, with a spare."""
    words = {"uri": "!file uri", "spare_uri": "!file spare_uri"}
    return Mongodb.of(inventory(tmp_path, "http://127.0.0.1:1", None, **words))


def done(action: Action[Any], answers: Sequence[Any]) -> Any:
    """Carry out an action whose programs answer so, one after the other."""
    left, said = list(answers), None
    try:
        while True:
            ask = action.send(said)
            said = Done(0, msgspec.json.encode(left.pop(0))) if isinstance(ask, Sh) else _other(ask)
    except StopIteration as end:
        return end.value


def _other(ask: Any) -> Any:
    return 1.7e9 if isinstance(ask, Clock) else None


@pytest.mark.parametrize("now", [Status(up=False), Status(up=True, documents=0)], ids=["down", "empty"])
def test_a_lost_server_is_lost(server: Mongodb, now: Status) -> None:
    """One that does not answer, and one that came back without anything."""
    assert done(mongodb.lost(server), [now, now]) == now


@pytest.mark.parametrize("answers", [[WELL], [Status(up=False), WELL]], ids=["at once", "at last"])
def test_one_that_answers_is_not_lost(server: Mongodb, answers: list[Status]) -> None:
    """Its data would be left behind."""
    with pytest.raises(Refused, match="3 documents"):
        done(mongodb.lost(server), answers)


def test_one_that_lives_and_does_not_serve_us_is_not_lost(server: Mongodb) -> None:
    """A changed password, a set that waits for a primary: whoever left it would leave its data behind."""
    lives = Status(up=False, lives="it answers, and does not let us in")
    brought = Replayed("1,1", "2,1", 3, 3, 0, 0, 0)
    with pytest.raises(Refused, match="it lives: it answers, and does not let us in"):
        done(mongodb.lost(server), [lives])
    with pytest.raises(Refused, match="Nobody was sent to the spare"):
        done(mongodb.bring_later(server, "1,1"), [brought, lives])


@pytest.mark.parametrize(("at", "documents"), [("latest", 0), ("latest", 3), ("5,1", 0)])
def test_nothing_is_no_latest(server: Mongodb, at: str, documents: int) -> None:
    """Everything was dropped by then: no lost server is restored to that. Another moment may be empty."""
    restored = Restored("9,1", "", "t1", "b1", "spare", {}, documents, 0, 0.1, 1, 9)
    if at == "latest" and not documents:
        with pytest.raises(StepFailed, match=r"documents at the latest moment that was captured \(9,1\)"):
            done(mongodb.restore(server, at), [restored])
    else:
        assert done(mongodb.restore(server, at), [restored]).documents == documents


def test_the_page_for_an_empty_server_is_the_one_that_takes_it() -> None:
    """`mongodb_pitr` looks for a wrong query, and finds none."""
    covering = [name for name in ("mongodb_pitr", "mongodb_cluster_loss") if EMPTY in load_page(name).covers]
    assert covering == ["mongodb_cluster_loss"]


def test_one_that_comes_back_keeps_its_users(server: Mongodb) -> None:
    """Seen after all was brought over, right before the switch: refused, with the choices."""
    brought = Replayed("1,1", "2,1", 3, 3, 0, 0, 0)
    assert done(mongodb.bring_later(server, "1,1"), [brought, Status(up=False)]) == brought
    assert done(mongodb.bring_later(server, "1,1"), [brought, Status(up=True, documents=0)]) == brought
    with pytest.raises(Refused, match=r"answering again with 3 documents\. Nobody was sent") as back:
        done(mongodb.bring_later(server, "1,1"), [brought, WELL])
    assert "Stay with the old one" in back.value.do
    assert "resume this run" in back.value.do


def test_the_old_server_is_kept_for_a_day(server: Mongodb) -> None:
    """By the record of the restore; a minute earlier it is refused, and says when to come back."""
    old = mongodb.remove_old(server, "mongo1")
    assert done(old, [Record("1,1", "t", 86_401)]) == Removed("mongo1", 24.0, ours=True)
    with pytest.raises(Refused, match=r"23.9 h ago and is kept for 24 h") as early:
        done(mongodb.remove_old(server, "mongo1"), [Record("1,1", "t", 86_000)])
    assert "Come back in 0.1 h" in early.value.do


@pytest.mark.parametrize(
    ("old", "said", "why"),
    [
        ("mongo1", Record(), "found none"),
        ("mongo2", Record("1,1", "t", 99_999), "this host's name"),
        ("mongo1", Record("1,1", "t", 99_999, 12.0), "written to 12 s ago"),
    ],
    ids=["never restored", "another", "users are back on it"],
)
def test_what_was_not_replaced_is_not_old(server: Mongodb, old: str, said: Record, why: str) -> None:
    """A server in use, and one this entry knows nothing of."""
    with pytest.raises(Refused, match=why):
        done(mongodb.remove_old(server, old, quiet=60), [said])


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (Status(up=False, symptoms=("refused",)), "it answers"),
        (Status(up=True, reads=True, documents=3), "takes durable writes"),
        (Status(up=True, reads=True, writes=True, documents=1), "at least 2 documents"),
    ],
)
def test_a_proof_can_fail(server: Mongodb, now: Status, why: str) -> None:
    """Each claim is named where it is false; the sound one passes."""
    assert done(mongodb.prove(server, at_least=2), [WELL]) == WELL
    with pytest.raises(ProofFailed, match=why):
        done(mongodb.prove(server, at_least=2), [now])
    with pytest.raises(ProofFailed, match="capture is at work"):
        done(mongodb.prove(server, captured=True), [WELL, CaptureStatus("dead")])
