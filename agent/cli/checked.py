"""How `check` and `auto-recover` say the health of a service: a line, its symptoms, what was not seen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from agent.language import Language
from agent.screen.plain import pad

if TYPE_CHECKING:
    from agent.diagnosis.health import Health
    from agent.systems import Symptom

_KO = {
    "sound": "정상",
    "degraded": "저하",
    "down or damaged": "중단 또는 손상",
    "could not look": "확인 불가",
    "answers": "응답",
    "no": "없음",
    "reads, writes": "읽기, 쓰기",
    "reads only": "읽기만",
    "writes only": "쓰기만",
    "refuses": "거부",
    "data": "데이터",
    "disk": "디스크",
    "backup": "백업",
    "none needed": "필요 없음",
    "none verified": "검증된 것 없음",
    "not mounted": "마운트되지 않음",
    "not verified": "검증되지 않음",
    "checksum": "체크섬 확인",
    "opens": "열림 확인",
    "restored": "복구 확인",
    "running": "실행 중",
    "stopped": "중지됨",
    "failed": "실패",
    "starting": "시작 중",
    "unknown": "모름",
    "torn": "끝이 깨짐",
    "damaged": "손상",
    "foreign": "소유자 다름",
    "empty": "비어 있음",
    "lost": "유실",
    "missing": "없음",
    "changed": "변경됨",
}
_AGE = re.compile(r"(.+) old, (.+)")


def health_lines(health: Health, language: Language) -> Iterator[str]:
    """Yield the lines of one service on one host."""

    def said(word: str) -> str:
        return _KO.get(word, word) if language == "ko" else word

    columns = (
        (health.host, 14),
        (health.system, 10),
        (said(health.word), 16),
        (said(health.supervisor), 9),
        (f"{said('answers')}: {said(health.answers)}", 23),
        (f"{said('data')}: {said(health.data)}", 14),
        (f"{said('disk')}: {_disk(health, language)}", 11),
        (f"{said('backup')}: {_backup(health.backup, language)}", 0),
    )
    yield " ".join(pad(text, width) for text, width in columns)
    for symptom in health.symptoms:
        yield f"    {symptom.id:<24} {_symptom(symptom, language)}"
    for reason in health.unseen:
        yield f"    {said('could not look')}: {reason}"


def _disk(health: Health, language: Language) -> str:
    if health.disk is None:
        return "?" if health.unseen else "-"
    if language == "en":
        return str(health.disk)
    percent, _, rest = str(health.disk).partition(" of ")
    size, _, path = rest.partition(" at ")
    return f"{path} {size}의 {percent}"


def _backup(text: str, language: Language) -> str:
    if language == "en":
        return text
    if found := _AGE.fullmatch(text):
        age = found[1].replace("min", "분").replace("h", "시간").replace("d", "일")
        return f"{re.sub('s$', '초', age)} 전, {_KO.get(found[2], found[2])}"
    return _KO.get(text, text)


def _symptom(symptom: Symptom, language: Language) -> str:
    said = symptom.ko if language == "ko" else symptom.en
    return f"{said}: {symptom.evidence}" if symptom.evidence else said
