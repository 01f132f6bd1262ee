"""Everything that can be wrong with a RefServer's data, by name; and which of it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from agent.at_rest.look import Look, Pulse, inspect, pulse
from agent.at_rest.sets import Named
from agent.systems import DEGRADED, DOWN, Symptom, Vitals
from agent.systems.refserver.server import Refserver
from agent.systems.refserver.standing import Standing
from agent.transport.ask import Action

_TABLE = (
    Symptom("refserver.down", DOWN, "RefServer does not answer", "RefServer가 응답하지 않음"),
    Symptom("refserver.refuses", DOWN, "RefServer answers 503", "RefServer가 503으로 응답함"),
    Symptom("refserver.mount-lost", DOWN, "Its data folder is not mounted", "데이터 폴더의 마운트가 풀림"),
    Symptom("refserver.disk-full", DOWN, "Its disk is full", "디스크가 가득 참"),
    Symptom("refserver.permissions", DOWN, "Its files are not its own alone", "파일의 소유자나 권한이 바뀜"),
    Symptom("refserver.stopped", DOWN, "It was stopped", "중지되어 있음"),
    Symptom("refserver.crashed", DOWN, "It has crashed", "비정상 종료됨"),
    Symptom("refserver.hangs", DOWN, "It runs and answers nobody", "실행 중이나 응답하지 않음"),
    Symptom("refserver.out-of-memory", DOWN, "It has too little memory", "메모리 부족으로 종료됨"),
    Symptom(
        "refserver.lock-left",
        DOWN,
        "A lock of another machine keeps it from starting",
        "다른 서버의 잠금 파일 때문에 시작하지 못함",
    ),
    Symptom(
        "refserver.dependency-down",
        DEGRADED,
        "Ollama or Huridocs is down: uploads wait",
        "Ollama나 Huridocs가 멈춰 업로드가 대기 중",
    ),
    Symptom(
        "refserver.several-damaged",
        DOWN,
        "Database and vectors are both damaged or gone",
        "데이터베이스와 벡터가 모두 손상되었거나 없음",
    ),
    Symptom("refserver.sqlite-damaged", DOWN, "SQLite is damaged or gone", "SQLite 손상 또는 소실"),
    Symptom(
        "refserver.sqlite-changed",
        DOWN,
        "Rows changed although nothing touched them",
        "아무도 바꾸지 않은 행의 내용이 달라짐",
    ),
    Symptom("refserver.chromadb-damaged", DOWN, "Chroma is damaged or gone", "ChromaDB 손상 또는 소실"),
    Symptom("refserver.chromadb-index", DOWN, "Chroma's index is damaged", "ChromaDB 인덱스 손상"),
    Symptom(
        "refserver.chromadb-purges",
        DEGRADED,
        "Chroma purges its queue: it cannot be backed up",
        "Chroma가 큐를 지워 백업할 수 없음",
    ),
    Symptom("refserver.files-damaged", DOWN, "PDF files are missing or changed", "PDF 파일이 없거나 달라짐"),
    Symptom(
        "refserver.apart",
        DEGRADED,
        "Rows, vectors and files do not belong together",
        "행, 벡터, 파일이 서로 맞지 않음",
    ),
)
COMPARED = 256 << 20
"""Bytes of a database up to which its rows are compared with a backup's whenever somebody asks how it is."""
_GONE = ("damaged", "missing", "lost")
SYMPTOMS = {each.id: each for each in _TABLE}


def diagnose(refserver: Refserver, standing: Standing, copy: Named | None = None) -> Action[Vitals]:
    """Look at data and health check, and name every symptom of the table; `standing` is how its host is.

    With a backup as `copy`, rows that differ from it though nothing touched them are a symptom.

    What its host shows comes first and says more than that nobody answers. On an unmounted folder nothing
    is said of the data: it is not damaged, it is not there.
    """
    of_host = standing.cause if standing.cause != "refuses" else ""
    if of_host == "mount-lost":
        symptom = _with("refserver.mount-lost", "; ".join(standing.reasons))
        return Vitals(standing.serves, False, False, "?", (symptom,), backup="not mounted")
    seen = yield from inspect(refserver, copy, COMPARED)
    health = yield from pulse(refserver)
    found = tuple(_named(seen, health))
    if of_host:
        plain = ("refserver.down", "refserver.refuses")
        symptom = _with(f"refserver.{of_host}", "; ".join(standing.reasons))
        found = (symptom, *(each for each in found if each.id not in plain))
    word = "sound" if seen.sound and not seen.apart else "damaged" if not seen.sound else "apart"
    return Vitals(health.code != 0, health.code == 200, health.code == 200, word, found)


def _named(seen: Look, health: Pulse) -> Iterator[Symptom]:
    why = "; ".join(seen.reasons)
    if health.code == 0:
        yield _with("refserver.down", "; ".join(health.complaints))
    elif health.code != 200:
        yield _with("refserver.refuses", "; ".join(health.complaints))
    if seen.sqlite in _GONE and seen.chromadb in _GONE:
        yield _with("refserver.several-damaged", why)
        return
    if seen.sqlite in (*_GONE, "changed"):
        yield _with(f"refserver.sqlite-{'changed' if seen.sqlite == 'changed' else 'damaged'}", why)
    if seen.chromadb in (*_GONE, "index"):
        yield _with(f"refserver.chromadb-{'index' if seen.chromadb == 'index' else 'damaged'}", why)
    if seen.chromadb in ("purging", "purged"):
        yield _with("refserver.chromadb-purges", why)
    if seen.files in ("damaged", "missing"):
        yield _with("refserver.files-damaged", why)
    elif seen.apart and seen.sound:
        yield _with("refserver.apart", ", ".join(seen.apart))


def _with(name: str, evidence: str) -> Symptom:
    return replace(SYMPTOMS[name], evidence=evidence)
