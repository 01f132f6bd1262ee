"""Each thing that is wrong with a MongoDB server has its name, and a sound one has none."""

from dataclasses import replace
from typing import Any

import pytest

from agent.pitr.index_model import DISAGREES, LEFT, MISSING, SOUND, WRONG, Finding, IndexReport
from agent.pitr.model import Candidate, CaptureStatus, Damage, Status
from agent.systems.mongodb.symptoms import SYMPTOMS, judge, kept

WELL = Status(up=True, reads=True, writes=True, primary=True, documents=10)
AT_WORK = CaptureStatus("capturing", base="b1", base_utc="2026-11-22T03:00:00+00:00", behind=0.4)
CAUGHT = replace(AT_WORK, captured_up_to="1,2")

BURST = Candidate("c1", "delete", "chat.messages", 1200, 1200, "1,1", "1,9", "2026-11-22T03:00:00Z", "")


def report(*states: str) -> IndexReport:
    """Return what was found of one index a state."""
    findings = tuple(Finding("chat.messages", f"i{n}", state) for n, state in enumerate(states))
    return IndexReport(sound=set(states) <= {SOUND}, findings=findings)


def named(status: Status = WELL, capture: Any = CAUGHT, found: Any = None, damage: Any = None) -> set[str]:
    """Return the names of the symptoms."""
    return {symptom.id.partition(".")[2] for symptom in judge(status, capture, found, damage)}


def test_a_sound_server_has_no_symptom():
    """Neither with indexes that were looked at nor without, nor where nothing captures for us."""
    assert named() == named(found=report(SOUND)) == named(capture=None) == set()


@pytest.mark.parametrize(
    ("told", "symptoms"),
    [
        ({"status": Status(up=False, symptoms=("refused",))}, {"down"}),
        ({"status": replace(WELL, writes=False)}, {"writes-refused"}),
        ({"status": replace(WELL, documents=0)}, {"started-empty"}),
        ({"found": report(SOUND, DISAGREES)}, {"index-damaged"}),
        ({"found": report(MISSING)}, {"index-missing"}),
        ({"found": report(WRONG, SOUND)}, {"index-wrong"}),
        ({"found": report(LEFT)}, {"index-left"}),
        ({"found": report(MISSING, WRONG)}, {"index-missing", "index-wrong"}),
        ({"damage": Damage("1,1", "2,1", 5000, (BURST,), ("c1",))}, {"mass-change"}),
        ({"damage": Damage("1,1", "2,1", 5000)}, set()),
        ({"capture": CaptureStatus("never")}, {"not-captured"}),
        ({"capture": replace(AT_WORK, state="dead")}, {"not-captured"}),
        ({"capture": replace(AT_WORK, behind=90.0)}, {"capture-behind"}),
        ({"capture": replace(AT_WORK, gaps=("from a to b",))}, {"capture-gap"}),
        # A capture cannot keep up with a server that is gone.
        ({"status": Status(up=False), "capture": replace(AT_WORK, behind=90.0)}, {"down"}),
    ],
)
def test_what_is_wrong_is_named(told: dict[str, Any], symptoms: set[str]):
    """By its own name and no other."""
    assert named(**told) == symptoms
    assert all(f"mongodb.{name}" in SYMPTOMS for name in symptoms)


def test_how_its_backups_are():
    """By the capture where we keep it; not by the catalog where a provider does."""
    assert kept(CAUGHT) == "0 s behind, base of 2026-11-22T03:00"
    assert kept(CaptureStatus("never")) == "nothing captured"
    assert kept(None) == "kept by its provider"
