"""The actions and their program, against the stand-in."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from agent.errors import NoBackup, NotInTime, Refused, ServiceRefused, StepFailed
from agent.providers import atlas
from agent.transport.ask import Note
from agent.transport.perform import Forgetful, perform
from agent.transport.preview import preview
from agent.transport.road import Road
from drills.standins.atlas import Atlas
from tests.providers.chat import PASSWORD, Chat

CREATE, RESTORE = "POST .*/clusters$", "POST .*restoreJobs$"


@pytest.fixture
def chat(live: Atlas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Chat:
    """The inventory."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "tokens"))
    return Chat.made(tmp_path / "chat", live)


_jobs = itertools.count(1)


class Notes(Forgetful):
    """A record that keeps what the operator is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def asking(self, n: int, ask: Any) -> str:
        """Keep notes, and name each job."""
        if isinstance(ask, Note):
            self.told.append(ask.text)
        return f"test.{next(_jobs)}"


def test_a_moment_comes_back_into_the_spare(chat: Chat, far: Road, live: Atlas) -> None:
    """Looked at, begun once, waited for; the token of the first program serves the others."""
    said = Notes()
    done = perform(atlas.restore(chat.service), far, said)
    assert (done.into, done.adopted) == ("chat-dr", False)
    (job,) = live.world.clusters["chat"].jobs
    assert done.job == job["id"]
    assert done.at == f"{job['pointInTimeUTCSeconds']},0"
    assert live.guard.issued == 1
    assert "restores the newest moment its log is sure to hold of chat into chat-dr" in said.told[0]


def test_a_missing_spare_is_made_and_waited_for(chat: Chat, road: Road, live: Atlas) -> None:
    """Of the tier, nodes and region that the inventory names; its address is told."""
    del live.world.clusters["chat-dr"]
    spare = perform(atlas.provision(chat.service, within=60), road, Notes())
    assert spare.created
    assert spare.address == "mongodb+srv://chat-dr.ab1cd.mongodb.net"
    assert live.world.clusters["chat-dr"].region == "AP_NORTHEAST_1"
    assert live.times(CREATE) == 1


def test_a_spare_that_is_there_costs_nothing(chat: Chat, road: Road, live: Atlas) -> None:
    """A pre-provisioned spare is looked at, and that is all."""
    assert not perform(atlas.provision(chat.service), road, Notes()).created
    assert live.times("POST .*/groups|DELETE") == 0


def test_the_references_lead_to_the_spare(chat: Chat, road: Road) -> None:
    """Both files are written with user, database and options of now, for their owner alone."""
    perform(atlas.connect(chat.service), road, Notes())
    for name in ("uri", "app_uri"):
        path = chat.folder / f"secrets/spare_{name}"
        assert path.read_text().strip() == (
            f"mongodb+srv://{name}:{PASSWORD}@chat-dr.ab1cd.mongodb.net/chatdb?w=majority"
        )
        assert path.stat().st_mode & 0o777 == 0o600
    secret = chat.service.secret("spare_app_uri")
    assert secret is not None
    assert "chat-dr" in secret.reveal()
    assert perform(atlas.leads_there(chat.service), road, Notes())


def test_a_reference_that_is_no_file_is_compared(live: Atlas, tmp_path: Path, road: Road) -> None:
    """What we cannot write is held against the spare, and a wrong one is named without its login."""
    wrong = f"mongodb+srv://u:{PASSWORD}@elsewhere.net/chatdb"
    chat = Chat.made(tmp_path / "chat", live, spare_app_uri=f"!command echo {wrong}", spare_uri=None)
    with pytest.raises(Exception, match=r"spare_app_uri should lead to .*found elsewhere\.net") as refused:
        perform(atlas.connect(chat.service), road, Notes())
    assert PASSWORD not in str(refused.value)
    right = f"mongodb+srv://u:{PASSWORD}@chat-dr.ab1cd.mongodb.net/chatdb"
    chat = Chat.made(tmp_path / "chat2", live, spare_app_uri=f"!command echo {right}", spare_uri=None)
    perform(atlas.connect(chat.service), road, Notes())
    assert not perform(atlas.leads_there(chat.service), road, Notes()), "spare_uri is not there at all"


def test_a_plan_changes_nothing(chat: Chat, road: Road, live: Atlas) -> None:
    """The preview looks, lists what Atlas would be made to do, and the supposed ending."""
    del live.world.clusters["chat-dr"]
    seen = preview(atlas.provision(chat.service), road)
    assert not seen.refusal
    assert seen.changes[0].startswith("has Atlas make chat-dr: M20, 3 nodes, AP_NORTHEAST_1")
    live.world.add("chat-dr")
    seen = preview(atlas.restore(chat.service), road)
    assert not seen.refusal
    assert seen.changes[0].startswith("has Atlas empty chat-dr and restore chat")
    assert not seen.hinges
    assert live.times("POST .*/groups|DELETE") == 0


@pytest.mark.parametrize("outcome", ["failed", "cancelled", "expired"])
def test_a_restore_that_came_to_nothing_fails(chat: Chat, road: Road, live: Atlas, outcome: str) -> None:
    """The spare is not to be used then, and the sentence says so."""
    live.world.outcome = outcome
    with pytest.raises(StepFailed, match=f"is {outcome}, so chat-dr is not to be used"):
        perform(atlas.restore(chat.service), road, Notes())


def test_errors_arrive_as_what_they_are(chat: Chat, road: Road, live: Atlas) -> None:
    """Of the program's own class, with the host before them and what to do behind."""
    live.guard.access = ("10.0.0.1",)
    with pytest.raises(ServiceRefused, match=r"^mongo1: Atlas answers nobody from this machine") as refused:
        perform(atlas.restore(chat.service), road, Notes())
    assert "API access list" in refused.value.do
    live.guard.access = None
    with pytest.raises(NoBackup, match="It can to any moment from"):
        perform(atlas.restore(chat.service, at="1600000000,1"), road, Notes())


def test_a_wait_that_ends_says_how_to_go_on(chat: Chat, road: Road, live: Atlas) -> None:
    """What is still running is found again by the resume; what was counted is what was waited."""
    live.world.restoring = 10_000
    chat_quick = Chat.made(chat.folder / "quick", live, every=0.001)
    import agent.providers.atlas as room

    before, room.SLICE = room.SLICE, 0.3
    try:
        with pytest.raises(NotInTime, match="still running"):
            perform(atlas.restore(chat_quick.service, within=0.5), road, Notes())
    finally:
        room.SLICE = before
    assert len(live.world.clusters["chat"].jobs) == 1


def test_atlas_may_be_away_while_a_restore_runs(
    chat: Chat, road: Road, live: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slice that found Atlas unreachable or limited does not fail the restore, which goes on there."""
    from drills.standins.atlas.world import Refusal

    class Later(Notes):
        def asking(self, n: int, ask: Any) -> str:
            if "await-restore" in str(ask) and not live.troubles:
                limited = Refusal(429, "RATE_LIMITED", "", headers={"Retry-After": "900"})
                live.trouble("GET .*restoreJobs/", refusal=limited)
            return super().asking(n, ask)

    said = Later()
    assert perform(atlas.restore(chat.service), road, said).into == "chat-dr"
    assert any("Atlas is asked on" in each for each in said.told)


def test_our_own_cluster_is_never_old(chat: Chat, road: Road, live: Atlas) -> None:
    """As long as the inventory calls it the cluster, it is not deleted, and nobody is even asked."""
    with pytest.raises(Refused, match="so it is not old") as refused:
        perform(atlas.remove_old(chat.service, "chat"), road, Notes())
    assert "cluster: chat-dr" in refused.value.do
    assert not live.asked


def test_the_old_cluster_goes_after_its_day(live: Atlas, tmp_path: Path, road: Road) -> None:
    """Once the inventory has the successor as its cluster, and Atlas's record of the restore is a day old."""
    chat = Chat.made(tmp_path / "before", live)
    perform(atlas.restore(chat.service), road, Notes())
    chat = Chat.made(tmp_path / "after", live, cluster="chat-dr", spare="chat-dr2")
    with pytest.raises(Refused, match="is kept for 24 hours"):
        perform(atlas.remove_old(chat.service, "chat"), road, Notes())
    assert live.times("DELETE") == 0
    assert perform(atlas.remove_old(chat.service, "chat", after=0.0), road, Notes()).name == "chat"
    assert live.times("DELETE") == 1


def test_no_secret_is_in_what_is_asked(chat: Chat, road: Road, live: Atlas) -> None:
    """Neither argv nor stdin of any ask holds a secret: they travel as variables."""
    asked: list[Any] = []

    class All(Notes):
        def asking(self, n: int, ask: Any) -> str:
            asked.append(ask)
            return super().asking(n, ask)

    perform(atlas.restore(chat.service), road, All())
    perform(atlas.connect(chat.service), road, All())
    told = json.dumps([repr(ask) for ask in asked])
    assert "await-restore" in told
    for secret in (live.guard.client_secret, PASSWORD):
        assert secret not in told


def test_a_host_without_the_extra_says_so(live: Atlas, tmp_path: Path, far: Road) -> None:
    """A tools host whose Python has no Drillyard or no httpx is told what to install."""
    bare = tmp_path / "bare"
    bare.write_text("#!/bin/sh\necho no module >&2\nexit 1\n")
    bare.chmod(0o755)
    chat = Chat.made(tmp_path / "chat", live, python=str(bare))
    with pytest.raises(StepFailed, match="ended with code 1: no module") as failed:
        perform(atlas.window(chat.service), far, Notes())
    assert "drillyard[atlas]" in failed.value.do
