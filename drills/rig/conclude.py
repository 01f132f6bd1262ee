"""Writes down what a night came to: verdict.json, losses.json, junit.xml and the story."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from drills.rig import junit, story
from drills.rig.account import Account
from drills.rig.course import Course
from drills.rig.evidence import Evidence, package_versions
from drills.rig.ledger import Write
from drills.rig.notes import Notes
from drills.rig.pace import Compared
from drills.rig.verdict import Findings, Verdict


@dataclass(frozen=True)
class Clock:
    """Turns moments of the monotonic clock into times of day; both fields were read together."""

    monotonic: float
    day: datetime

    def utc(self, moment: float | None) -> str | None:
        """Return a moment as ISO 8601 in UTC with its offset, or None."""
        if moment is None:
            return None
        return (self.day + timedelta(seconds=moment - self.monotonic)).isoformat(timespec="milliseconds")


def conclude(
    evidence: Evidence, course: Course, notes: Notes, found: Findings, verdict: Verdict, clock: Clock
) -> tuple[str, ...]:
    """Write everything into the run's folder and return the lines of the story."""
    told = story.tell(course.name, found, verdict)
    told += _more(evidence, course, found)
    if notes.side_by_side > 1:
        told.append(f"{notes.side_by_side} stacks ran side by side, which makes every time longer.")
    lines = (*told, f"Evidence: {_short(evidence.folder)}")
    summary = summarise(course, notes, found, verdict, clock)
    evidence.write_json("verdict.json", summary)
    if notes.account is not None:
        evidence.write_json("losses.json", _losses(notes.account, clock))
    rto, rpo = summary["rto_seconds"], summary["rpo_seconds"]
    properties = {
        "verdict": verdict.word,
        "simulated": ", ".join(verdict.simulated),
        "caveat": verdict.caveat,
        "rto_seconds": rto,
        "rpo_seconds": rpo,
    }
    evidence.write("junit.xml", junit.report(course.name, verdict, found.measured, properties))
    evidence.write("story.txt", "\n".join(lines) + "\n")
    if notes.recovery is not None:
        evidence.keep_journal(notes.recovery.folder)
    evidence.point_latest()
    return lines


def _more(evidence: Evidence, course: Course, found: Findings) -> list[str]:
    """Return what the course tells beside the story; a night that ended early has measured nothing more."""
    if course.tells is None or found.measured.ended is None:
        return []
    try:
        return list(course.tells(evidence, found.measured))
    except (OSError, ValueError, LookupError) as error:
        return [f"What else was measured cannot be told: {type(error).__name__}: {error}."]


def summarise(
    course: Course, notes: Notes, found: Findings, verdict: Verdict, clock: Clock
) -> dict[str, Any]:
    """Return verdict.json as data; what is unknown is null. Seconds and bytes; times in UTC."""
    account, recovery, measured = notes.account, notes.recovery, found.measured
    return {
        "drill": course.name,
        "verdict": verdict.word,
        "simulated": list(verdict.simulated),
        "caveat": verdict.caveat,
        "reasons": list(verdict.reasons),
        "rto_seconds": _rounded(measured.rto),
        "rto_objective_seconds": course.rto,
        "rpo_seconds": _rounded(found.rpo.seconds),
        "rpo_objective_seconds": course.rpo,
        "pace_seconds": _pace(notes.pace),
        "phases": {phase: _rounded(took) for phase, took in measured.phases},
        **_counts(account),
        "bytes": notes.observed.size if notes.observed else None,
        "keys": notes.observed.keys if notes.observed else None,
        "claims": [asdict(claim) for claim in verdict.claims],
        "fault": {"what": notes.wound.what, "facts": dict(notes.wound.facts)} if notes.wound else None,
        "effect": notes.effect,
        "agent": {"ended": recovery.ended, "said": recovery.said, "lives": recovery.lives}
        if recovery
        else None,
        "times": {
            "begun": clock.utc(clock.monotonic),
            "backup": clock.utc(notes.backed_up),
            "struck": clock.utc(notes.struck[1] if notes.struck else None),
            "outage_began": clock.utc(measured.began),
            "agent_launched": clock.utc(recovery.launched if recovery else None),
            "first_change": clock.utc(recovery.changing if recovery else None),
            "restored": clock.utc(recovery.restored if recovery else None),
            "outage_ended": clock.utc(measured.ended),
            "concluded": datetime.now(UTC).isoformat(timespec="milliseconds"),
        },
        "settings": asdict(course.settings),
        "seed": course.settings.seed,
        "side_by_side": notes.side_by_side,
        "stack_seconds": _rounded(notes.stack_seconds),
        "versions": {**package_versions(), **notes.versions},
    }


def _counts(account: Account | None) -> dict[str, int | None]:
    if account is None:
        names = ("acknowledged", "found", "lost", "changed", "duplicated", "reordered", "invented")
        return {**dict.fromkeys(names), "indeterminate": None, "indeterminate_found": None}
    return {
        "acknowledged": account.acknowledged,
        "found": account.found,
        "lost": len(account.lost),
        "changed": len(account.changed),
        "duplicated": len(account.duplicated),
        "reordered": len(account.reordered),
        "invented": len(account.invented),
        "indeterminate": account.indeterminate,
        "indeterminate_found": account.indeterminate_found,
    }


def _pace(pace: Compared | None) -> dict[str, Any] | None:
    """Return how writes went before and after, to the microsecond, and how much slower the machine was."""
    if pace is None:
        return None
    both = {"before": asdict(pace.before), "after": asdict(pace.after)}
    said = {when: {key: round(value, 6) for key, value in each.items()} for when, each in both.items()}
    return {**said, "machine_ratio": round(pace.machine, 3)}


def _losses(account: Account, clock: Clock) -> dict[str, Any]:
    def named(writes: Iterable[Write]) -> list[dict[str, Any]]:
        return [
            {"seq": write.seq, "kind": write.kind, "key": write.key, "acknowledged": clock.utc(write.acked)}
            for write in writes
        ]

    return {
        "lost": named(account.lost),
        "changed": named(account.changed),
        "duplicated": named(account.duplicated),
        "reordered": named(account.reordered),
        "invented": list(account.invented),
        "holes": [
            {
                "first": hole.first,
                "last": hole.last,
                "count": hole.count,
                "since": clock.utc(hole.since),
                "until": clock.utc(hole.until),
            }
            for hole in account.holes
        ],
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _short(folder: Path) -> Path:
    """Return the folder as seen from where the reader stands, where it lies below."""
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder
