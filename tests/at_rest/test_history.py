"""The history: lost and told again from the manifests, pruned by tiers, and watched over."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agent.backup import actions
from agent.backup.model import volume
from agent.errors import BackupDamaged
from agent.systems import refserver
from agent.systems.refserver import Refserver
from tests.at_rest.conftest import Shelf

KEEP = {"hourly": {"within": 2}, "daily": {"within": 7}, "weekly": {"within": 30}, "history": 30}


def test_a_lost_history_is_told_by_the_manifests(shelf: Shelf) -> None:
    """Everything is there again, unverified; verified anew it can be relied on."""
    for kind in ("daily", "hourly", "hourly"):
        shelf.take(kind)
    known = shelf.do(actions.history(shelf.service))
    (shelf.backups / "metadata/backup_history.json").unlink()
    assert shelf.do(actions.newest(shelf.service, required=False)) is None
    found = shelf.do(actions.adopt(shelf.service))
    assert {each.id: (each.sha256, each.parent, each.parts) for each in found} == {
        each.id: (each.sha256, each.parent, each.parts) for each in known
    }
    assert not any(each.verified for each in found)
    shelf.do(actions.verify(shelf.service, known[0].id))
    newest = shelf.do(actions.newest(shelf.service))
    assert newest is not None
    assert newest.id == known[0].id
    assert shelf.do(actions.adopt(shelf.service)) == ()


def test_a_garbled_history_is_not_overwritten(shelf: Shelf) -> None:
    """It may be mended by hand: nothing is taken into it, and the check says so."""
    shelf.take()
    history = shelf.backups / "metadata/backup_history.json"
    history.write_text("{")
    with pytest.raises(BackupDamaged):
        shelf.do(actions.adopt(shelf.service))
    found = shelf.do(actions.watch(shelf.service))
    assert (found.level, history.read_text()) == (2, "{")


def test_a_check_leaves_its_stamp_where_all_is_well(shelf: Shelf) -> None:
    """The stamp is as old as the last check that found nothing."""
    shelf.service.settings["keep"] = KEEP  # type: ignore[index]
    for kind in ("weekly", "daily", "hourly"):
        shelf.take(kind)
    stamp = shelf.backups / "metadata/last_good_check"
    assert shelf.do(actions.watch(shelf.service)).level == 0
    left = stamp.read_text()
    shelf.now += 3 * 3600
    found = shelf.do(actions.watch(shelf.service))
    assert (found.level, found.reason.partition(":")[0]) == (2, "stale")
    assert stamp.read_text() == left


def test_what_the_tiers_do_not_keep_goes_with_all_its_files(shelf: Shelf) -> None:
    """Old hourly ones are removed with every part; the base of a kept one stays, and what stays restores."""
    shelf.service.settings["keep"] = KEEP  # type: ignore[index]
    shelf.take("daily")
    old = [shelf.take("hourly") for _ in range(3)]
    shelf.now += 3 * 86400
    shelf.library.fill(1, 900)
    newest = shelf.take("daily")
    last = shelf.take("hourly")
    pruned = shelf.do(actions.prune(shelf.service))
    gone = {each.backup.id for each in pruned.removed}
    # The newest of each kind stays, and with it what it goes on from.
    assert gone == {each.id for each in old}
    for each in old:
        assert not any(
            Path(part.path).exists() or Path(f"{part.path}.sha256").exists() for part in each.files
        )
    assert {each.id for each in shelf.do(actions.history(shelf.service))} >= {newest.id, last.id}
    state = shelf.library.state()
    shelf.library.fill(2, 950)
    shelf.do(refserver.restore(Refserver.of(shelf.service), last))
    assert shelf.library.state() == state


@pytest.mark.parametrize("zone", ["UTC", "Asia/Seoul", "America/New_York"])
def test_backups_of_a_day(shelf: Shelf, monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    """From the first minute to the last of the day that the host's clock says, wherever it stands."""
    monkeypatch.setenv("TZ", zone)
    hours = ("2026-10-31 23:50", "2026-11-01 00:10", "2026-11-01 23:50", "2026-11-02 00:10")
    taken = []
    for each in hours:
        shelf.now = datetime.fromisoformat(each).replace(tzinfo=ZoneInfo(zone)).timestamp() - 3600
        taken.append(shelf.take(depth=None).id)
    for day, of_it in {"2026-10-31": taken[:1], "2026-11-01": taken[1:3], "2026-11-02": taken[3:]}.items():
        assert [each.id for each in shelf.do(actions.on(shelf.service, day))] == of_it[::-1]
    assert shelf.do(actions.on(shelf.service, "2001-01-01")) == ()


def test_an_emptied_library_is_no_copy_to_go_back_to(shelf: Shelf) -> None:
    """Its application began anew, and a verified set was taken of nothing: pages use the one before."""
    good = shelf.take()
    shelf.library.fill(1, 900)
    for number in range(30):
        shelf.library.delete(f"doc{number}")
    nothing = shelf.take("hourly")
    assert "its data was lost in between" in nothing.breaks
    found = shelf.do(actions.newest(shelf.service, whole=True))
    assert found is not None
    assert found.id == good.id
    shelf.library.fill(30)
    back = shelf.take("hourly")
    assert back.parent != nothing.id
    assert not back.breaks
    history = {each.id: each for each in shelf.do(actions.history(shelf.service))}
    assert "its data was lost" in history[nothing.id].fault
    found = shelf.do(actions.newest(shelf.service, whole=True))
    assert found is not None
    assert found.id == back.id


def test_a_look_at_its_bytes_takes_no_proof_away(shelf: Shelf) -> None:
    """What was restored for proof stays so, verified again by checksum alone."""
    taken = shelf.take()
    again = shelf.do(actions.verify(shelf.service, taken.id, "checksum"))
    assert again.verified is not None
    assert again.verified.depth == "restored"


def test_history_and_sets_lie_in_one_folder_unasked(shelf: Shelf) -> None:
    """Without `backup_dir` in the inventory both are where the guide has them."""
    bare = replace(shelf.service, settings={})
    assert volume(bare) == Refserver.of(bare).backup_dir == "/data/backups"
