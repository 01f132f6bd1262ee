"""What a TTL index removes from a restored server while it is proved and filled is no difference."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.errors import ProofFailed
from agent.pitr import instant
from agent.pitr.prove import prove
from agent.pitr.replay import replay
from agent.pitr.restore import restore
from agent.pitr.server import now_of
from agent.pitr.store import Store
from tests.mongo_standin import MongoServer
from tests.pitr.capturing import capturing

NOW = datetime.now(UTC).replace(microsecond=0)
DUE, LONG = NOW - timedelta(minutes=5), NOW + timedelta(hours=2)
GONE, KEPT = 40, 60


@dataclass
class Night:
    """Sessions of which some are due, restored as of just before any was removed."""

    store: Store
    at: str
    spare: MongoServer

    @property
    def sessions(self) -> Any:
        """Those of the spare."""
        return self.spare.client().shop.sessions

    def restored(self) -> Any:
        """Restore, and have the spare remove at once what is due, as it does by itself every minute."""
        done = restore(self.store, self.at, self.spare.uri, ("shop",), "", 1)
        self.spare.client().admin.command("secantusAdmin.pruneTtl")
        return done


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory):
    """One history: the index is the last thing before the moment, so that nothing is removed by then."""
    folder = tmp_path_factory.mktemp("passing")
    server, spare = MongoServer(folder / "data"), MongoServer(folder / "spare")
    for each in (server, spare):
        each.start()
    shop = server.client().shop
    shop.sessions.insert_many([{"_id": n, "until": DUE, "user": n} for n in range(GONE)])
    shop.sessions.insert_many([{"_id": GONE + n, "until": LONG, "user": n} for n in range(KEPT)])
    shop.messages.insert_many([{"_id": n} for n in range(30)])
    with capturing(server, folder / "store") as captured:
        shop.sessions.create_index("until", expireAfterSeconds=0)
        with server.client() as client:
            at = instant.show(now_of(client))
        # Somebody is there still: their session is seen again, after the moment.
        for n in range(5):
            shop.sessions.update_one({"_id": n}, {"$set": {"until": LONG}})
        shop.messages.insert_one({"_id": "later"})
        captured.caught_up(server)
    server.kill()
    yield Night(Store(folder / "store"), at, spare)
    spare.kill()


def test_what_is_due_may_be_gone(night: Night):
    """The proof holds, and says how many it could not compare; they are not counted on later either."""
    done = night.restored()
    assert (done.documents, done.passing) == (GONE + KEPT + 30, GONE + KEPT)
    assert night.sessions.count_documents({}) == KEPT
    proof = prove(night.store, night.at, night.spare.uri, workers=1)
    assert proof.whole
    assert proof.counts == {"shop.sessions": KEPT, "shop.messages": 30}
    assert any(claim.startswith(f"{GONE} documents that a TTL index") for claim in proof.claims)
    prove(night.store, night.at, night.spare.uri, whole=False)


@pytest.mark.parametrize(
    ("n", "whole"), [(0, True), (0, False), (GONE, True)], ids=["due", "due, edges", "not due"]
)
def test_what_is_there_is_compared_all_the_same(night: Night, n: int, whole: bool):
    """A document that is another one is no sweep, due or not."""
    night.restored()
    night.sessions.replace_one({"_id": n}, {"until": DUE, "user": "other"}, upsert=True)
    with pytest.raises(ProofFailed):
        prove(night.store, night.at, night.spare.uri, whole=whole, workers=1)


def test_what_is_not_due_has_to_be_there(night: Night):
    """One session too few, and it is not one that could have gone by itself."""
    night.restored()
    night.sessions.delete_one({"_id": GONE + 3})
    with pytest.raises(ProofFailed, match=r"shop\.sessions has 59 documents and should have 100, 40 of them"):
        prove(night.store, night.at, night.spare.uri, workers=1)


def test_a_session_that_was_seen_again_comes_back(night: Night):
    """It was due as it was restored, and is not as it is now: brought over once, and no conflict."""
    night.restored()
    done = replay(night.store, night.at, night.spare.uri, workers=1)
    assert (done.conflict_count, done.applied) == (0, 6)
    assert night.sessions.count_documents({"_id": {"$lt": 5}, "until": {"$gt": NOW}}) == 5
    again = replay(night.store, night.at, night.spare.uri, workers=1)
    assert (again.conflict_count, again.applied) == (0, 0)
