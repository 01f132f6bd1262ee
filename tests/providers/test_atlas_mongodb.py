"""MongoDB's verbs with `provider: atlas`: what Atlas restores is proved, and what followed is kept.

SIMULATED: the API is the stand-in; the servers, the capture, the proof and the replay are real.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from agent.cli import main
from agent.errors import DrillyardError, NoBackup, Refused
from agent.pitr import instant
from agent.pitr.server import now_of
from agent.systems import mongodb
from agent.systems.mongodb import Mongodb, hosted
from agent.transport.perform import perform
from agent.transport.road import Road
from drills.standins import atlas
from drills.standins.atlas.carry import by_capture
from drills.standins.atlas.world import World
from tests.mongo_standin import MongoServer
from tests.pitr.capturing import Captured, capturing, until
from tests.providers.chat import Chat
from tests.providers.test_atlas_actions import Notes

GOOD, LATER, ALONE = range(100, 160), range(200, 220), 999
SPARE, RESTORE = ("chatdb",), "POST .*restoreJobs$"


@dataclass
class Night:
    """A cluster that is captured, its spare, and Atlas, which restores the one into the other."""

    fake: atlas.Atlas
    chat: Chat
    cluster: MongoServer
    spare: MongoServer
    captured: Captured
    before: str = ""
    second: int = 0

    @property
    def mongodb(self) -> Mongodb:
        """The service as MongoDB's verbs are given it."""
        return Mongodb.of(self.chat.service)

    def restoring(self, **how: bool) -> None:
        """Have Atlas's restores come from what is captured."""
        store = self.chat.folder.parent / "backup/mongodb"
        self.fake.world.carry = by_capture(store, {"chat-dr": self.spare.uri}, **how)

    def damage(self) -> str:
        """Write, delete most of it by a wrong query, and go on; return the last moment before."""
        with self.cluster.client() as client:
            messages = client.chatdb.messages
            messages.insert_many([{"_id": n, "n": n} for n in GOOD])
            before = self.captured.caught_up(self.cluster)
            messages.delete_many({"n": {"$gte": GOOD.start + 10}})
            messages.insert_many([{"_id": n, "n": n} for n in LATER])
            self.captured.caught_up(self.cluster)
        return before

    def written_alone(self) -> int:
        """Write one more in a second of its own, have the one after it captured too, and return it."""
        with self.cluster.client() as client, client.start_session() as session:
            self._captured_past(instant.read(self.captured.caught_up(self.cluster)).time + 1)
            client.chatdb.messages.insert_one({"_id": ALONE}, session=session)
            assert session.operation_time is not None
            second = session.operation_time.time
        self._captured_past(second + 2)
        return second

    def _captured_past(self, second: int) -> None:
        until(lambda: instant.read(self.captured.status.captured_up_to).time >= second)

    def held(self) -> set[int]:
        """Return which messages the spare has."""
        with self.spare.client() as client:
            return {each["_id"] for each in client.chatdb.messages.find()}


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    """The first server is captured and damaged, and written to in a second of its own."""
    folder = tmp_path_factory.mktemp("night")
    cluster, spare = MongoServer(folder / "cluster"), MongoServer(folder / "spare")
    world = World(clock=lambda: time.time() + 60)
    try:
        for each in (cluster, spare):
            each.start()
        world.add("chat", standard=cluster.uri)
        world.add("chat-dr", standard=spare.uri)
        with (
            pytest.MonkeyPatch.context() as patch,
            atlas.running(world) as fake,
            capturing(cluster, folder / "backup/mongodb") as captured,
        ):
            patch.setenv("XDG_STATE_HOME", str(folder / "tokens"))
            chat = Chat.made(
                folder / "chat", fake, address="standard", backup_dir=folder / "backup", workers=1
            )
            for name in ("uri", "app_uri"):
                (chat.folder / "secrets" / name).write_text(f"{cluster.uri}\n")
            found = Night(fake, chat, cluster, spare, captured)
            found.restoring()
            found.before = found.damage()
            found.second = found.written_alone()
            yield found
    finally:
        cluster.kill()
        spare.kill()


@pytest.fixture
def do(night: Night, road: Road) -> Callable[..., Any]:
    """What carries out a verb of MongoDB on the cluster."""

    def verb(action: Callable[..., Any], *words: object, **named: object) -> Any:
        return perform(action(night.mongodb, *words, **named), road, Notes())

    return verb


def test_a_wrong_query_is_undone_and_what_followed_is_kept(night: Night, do: Callable[..., Any]) -> None:
    """The verbs of the page in their order, with Atlas in the place of our own restore."""
    damage = do(mongodb.find_damage, at_least=20)
    moment = do(mongodb.moment, damage)
    assert moment.at >= night.before
    assert any(each.timeline == "atlas" for each in do(mongodb.restore_points).stretches)
    assert not do(mongodb.prepare_spare).created
    restored = do(mongodb.restore, moment.at, replace=SPARE)
    # Atlas takes no number 0: the end of the second before is the same state, and either may be told.
    seconds, _, number = moment.at.partition(",")
    told = {moment.at, f"{int(seconds) - 1},0"} if number == "0" else {moment.at}
    assert restored.at in told
    assert restored.timeline == "atlas"
    assert night.held() == {*GOOD}
    assert do(mongodb.prove_restore, moment.at).documents == len(GOOD)
    replayed = do(mongodb.replay, moment.at, damage)
    assert replayed.applied == len(LATER) + 1
    assert night.held() == {*GOOD, *LATER, ALONE}
    assert do(mongodb.prove, which="spare", at_least=restored.documents).writes
    with pytest.raises(Refused, match="so it is not old"):
        do(mongodb.remove_old, "chat")
    with pytest.raises(NoBackup, match="It can to any moment from"):
        do(mongodb.restore, "1600000000,1", replace=SPARE)


def test_what_the_spare_holds_is_not_emptied_unasked(night: Night, do: Callable[..., Any]) -> None:
    """Atlas would empty it without a word; so we look first, and name what is there."""
    with night.spare.client() as client:
        client.chatdb.messages.update_one({"_id": 1}, {"$set": {"n": 1}}, upsert=True)
    asked = night.fake.times(RESTORE)
    (night.chat.folder / "secrets/spare_uri").write_text(night.spare.uri)
    with pytest.raises(Refused, match="chat-dr holds chatdb"):
        do(mongodb.restore, night.before)
    assert night.fake.times(RESTORE) == asked
    do(mongodb.restore, night.before, replace=SPARE)
    assert night.held() == {*GOOD}


def test_a_check_misses_no_supervisor(night: Night, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody of ours starts or stops it, and that is no reason to call it not looked at."""
    code = main(["check", "-i", str(night.chat.folder / "hosts.yml")])
    said = capsys.readouterr().out
    assert "could not look" not in said
    assert code < 3, said


@pytest.mark.parametrize("to_the_end", [False, True], ids=["its beginning", "its end"])
def test_a_lost_cluster_comes_back_to_its_newest_moment(
    night: Night, do: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, to_the_end: bool
) -> None:
    """Atlas is asked for a whole second and does not say which end of it; what is told is what is proved."""
    night.restoring(to_the_end=to_the_end)
    monkeypatch.setattr(hosted, "SURE", 86_400)
    monkeypatch.setattr(night.fake.world, "clock", lambda: night.second + 60.0)
    restored = do(mongodb.restore, replace=SPARE)
    assert restored.at == f"{night.second + to_the_end},0"
    assert (ALONE in night.held()) == to_the_end
    assert do(mongodb.prove_restore, restored.at).documents == restored.documents == len(night.held())


def test_what_atlas_did_not_hear_of_comes_from_the_capture(
    night: Night, do: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked for a moment that it surely has, and whatever we captured after that is brought over."""
    monkeypatch.setattr(hosted, "SURE", 2)
    night.restoring()
    captured = int(do(mongodb.capture_status).captured_up_to.partition(",")[0])
    restored = do(mongodb.restore, replace=SPARE)
    assert int(restored.at.partition(",")[0]) >= captured - 4
    do(mongodb.prove_restore, restored.at)
    do(mongodb.replay, restored.at)
    with night.cluster.client() as client:
        assert night.held() == {each["_id"] for each in client.chatdb.messages.find()}


def test_a_cluster_that_is_still_written_to_is_not_deleted(night: Night, road: Road) -> None:
    """Seen by its own connection string; where it cannot be reached it stays too, until a person says so."""
    world, fake = night.fake.world, night.fake
    perform(mongodb.restore(night.mongodb, replace=SPARE), road, Notes())
    successor = Chat.made(
        *(night.chat.folder.parent / "successor", fake),
        address="standard",
        cluster="chat-dr",
        spare="chat-dr2",
    )
    (successor.folder / "secrets/uri").write_text(f"{night.spare.uri}\n")
    service = Mongodb.of(successor.service)
    # Another form of it than the secret's, which is masked in whatever a program answers.
    reached = night.cluster.uri.replace("127.0.0.1", "localhost")
    world.clusters["chat"].standard = reached

    def retire(**named: Any) -> Any:
        return perform(mongodb.remove_old(service, "chat", after=0, **named), road, Notes())

    with night.cluster.client() as client:
        client.chatdb.messages.insert_one({"_id": "late"})
        with pytest.raises(Refused, match=r"expected chat to have been left by everybody, .* s ago"):
            retire()
        written = now_of(client).time
        until(lambda: now_of(client).time > written + 3)
    world.clusters["chat"].standard = "mongodb://127.0.0.1:1/"
    with pytest.raises(Refused, match=r"no way to look\. .*does not answer") as unseen:
        retire()
    assert "--set quiet=0s" in unseen.value.do
    assert fake.times("DELETE") == 0
    world.clusters["chat"].standard = reached
    assert retire(quiet=2.0).name == "chat"
    assert fake.times("DELETE") == 1


def test_a_person_may_say_that_nobody_is_on_it(night: Night, road: Road) -> None:
    """It is said in the run that nobody looked."""
    world = night.fake.world
    world.add("older", standard="mongodb://127.0.0.1:1/")
    told = Notes()
    with pytest.raises(DrillyardError) as refused:
        perform(mongodb.remove_old(night.mongodb, "older", after=0, quiet=0), road, told)
    # What Atlas says of the restore still counts.
    assert "no way to look" not in str(refused.value)
    assert any("was not looked at, as quiet=0s says" in each for each in told.told)
