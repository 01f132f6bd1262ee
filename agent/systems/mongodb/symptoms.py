"""What can be wrong with a MongoDB server, its indexes and its capture, by name; and which of it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from agent.pitr.index_model import DISAGREES, LEFT, MISSING, WRONG, IndexReport
from agent.pitr.model import CaptureStatus, Damage, Status
from agent.systems import DEGRADED, DOWN, Symptom, Vitals
from agent.systems.mongodb import indexes, points
from agent.systems.mongodb.server import Mongodb
from agent.transport.ask import Action

_TABLE = (
    Symptom("mongodb.down", DOWN, "MongoDB does not answer", "MongoDB가 응답하지 않음"),
    Symptom("mongodb.writes-refused", DOWN, "MongoDB takes no writes", "MongoDB가 쓰기를 받지 않음"),
    Symptom(
        "mongodb.started-empty",
        DOWN,
        "MongoDB runs without the data its capture knows of",
        "캡처에 있는 데이터 없이 MongoDB가 시작됨",
    ),
    Symptom(
        "mongodb.index-damaged",
        DOWN,
        "An index disagrees with its data: answers lack documents",
        "인덱스가 데이터와 맞지 않아 결과에서 문서가 빠짐",
    ),
    Symptom("mongodb.index-missing", DEGRADED, "A declared index is missing", "선언된 인덱스가 없음"),
    Symptom(
        "mongodb.index-wrong",
        DEGRADED,
        "An index is not as it was declared",
        "인덱스가 선언과 다름",
    ),
    Symptom(
        "mongodb.index-left",
        DEGRADED,
        "A rebuild of an index did not come to its end",
        "인덱스 재생성이 끝나지 않음",
    ),
    Symptom(
        "mongodb.mass-change",
        DEGRADED,
        "A burst of deletes or updates: see whether it was meant",
        "대량 삭제나 변경이 있었음: 의도한 것인지 확인",
    ),
    Symptom("mongodb.not-captured", DEGRADED, "Nothing captures its changes", "변경 사항이 캡처되지 않음"),
    Symptom("mongodb.capture-behind", DEGRADED, "Its capture is behind", "캡처가 뒤처져 있음"),
    Symptom(
        "mongodb.capture-gap",
        DEGRADED,
        "Its captured history has a gap",
        "캡처된 기록에 빈 구간이 있음",
    ),
)
SYMPTOMS: Mapping[str, Symptom] = {symptom.id: symptom for symptom in _TABLE}
MASS = 100  # documents in one burst, within the last hour that was captured
BEHIND = 60.0  # seconds; a capture that works is behind by its heartbeat of one second at most


def diagnose(mongodb: Mongodb) -> Action[Vitals]:
    """Look at server, capture and, where they are declared, indexes; a sound server has no symptom."""
    says = yield from points.status(mongodb, "self")
    capture = None if mongodb.hosted else (yield from points.capture_status(mongodb))
    damage = None
    if capture and capture.captured_up_to:
        damage = yield from points.find_damage(mongodb, ("", ""), MASS)
    report = None
    if says.up and mongodb.indexes:
        report = yield from indexes.look(mongodb, "self")
    found = tuple(judge(says, capture, report, damage))
    worse = [symptom for symptom in found if symptom.level == DOWN]
    return Vitals(
        up=says.up,
        reads=says.reads,
        writes=says.writes,
        data="?" if not says.up else worse[0].id.partition(".")[2] if worse else "sound",
        symptoms=found,
        backup=kept(capture),
    )


def judge(
    says: Status,
    capture: CaptureStatus | None,
    report: IndexReport | None,
    damage: Damage | None = None,
) -> Iterator[Symptom]:
    """Yield the symptoms of what was seen, the worst kinds first; None where it was not looked at. Pure."""
    if not says.up:
        yield _seen("mongodb.down", "; ".join(says.symptoms))
    elif not says.writes:
        yield _seen("mongodb.writes-refused", "; ".join(says.symptoms))
    if says.up and capture and says.documents == 0 and capture.base:
        yield _seen("mongodb.started-empty", f"0 documents; the capture has the base {capture.base}")
    if report:
        yield from _indexes(report)
    if damage and damage.found:
        worst = damage.candidates[0]
        how = f"{worst.documents} documents of {worst.namespace} by {worst.kind} at {worst.first_utc}"
        yield _seen("mongodb.mass-change", how)
    if capture:
        yield from _capture(capture, alive=says.up)


def kept(capture: CaptureStatus | None) -> str | None:
    """Say how old the newest restorable moment is; None where a provider keeps the backups."""
    if capture is None:
        return "kept by its provider"
    if not capture.captured_up_to:
        return "nothing captured"
    return f"{max(0.0, capture.behind):.0f} s behind, base of {capture.base_utc[:16] or 'none'}"


def _indexes(report: IndexReport) -> Iterator[Symptom]:
    kinds = {
        DISAGREES: "mongodb.index-damaged",
        MISSING: "mongodb.index-missing",
        WRONG: "mongodb.index-wrong",
        LEFT: "mongodb.index-left",
    }
    for state, name in kinds.items():
        each = [finding for finding in report.findings if finding.state == state]
        if each:
            yield _seen(name, "; ".join(f"{one.collection}.{one.name} {one.detail}".strip() for one in each))


def _capture(capture: CaptureStatus, *, alive: bool) -> Iterator[Symptom]:
    # A capture cannot follow a server that is down: that is one trouble, and not two.
    if not capture.running:
        yield _seen("mongodb.not-captured", capture.error or f"the capture's state is {capture.state}")
    elif alive and capture.behind > BEHIND:
        yield _seen("mongodb.capture-behind", f"{capture.behind:.0f} s; {capture.error}".rstrip("; "))
    if capture.gaps:
        yield _seen("mongodb.capture-gap", capture.gaps[-1])


def _seen(name: str, evidence: str) -> Symptom:
    return replace(SYMPTOMS[name], evidence=evidence)
