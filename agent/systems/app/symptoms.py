"""Everything that can be wrong with an application, by name, and the remedy for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from agent.systems import DEGRADED, DOWN, Symptom

Remedy = Literal["none", "restart", "kill", "roll_back", "free_port", "renew", "wait", "person"]
"""What helps: `kill` what hangs and start it anew, `free_port` of a stranger, `wait` for what it depends on,
and where nothing may be done by itself, a `person`."""

_TABLE: tuple[tuple[Symptom, Remedy], ...] = (
    (Symptom("app.stopped", DOWN, "It was stopped", "서비스가 중지되어 있음"), "restart"),
    (Symptom("app.crashed", DOWN, "It crashed", "서비스가 비정상 종료됨"), "restart"),
    (
        Symptom("app.out-of-memory", DOWN, "It was killed for want of memory", "메모리 부족으로 종료됨"),
        "restart",
    ),
    (
        Symptom(
            "app.crash-loop", DOWN, "It crashes as soon as it is started", "시작하자마자 반복해서 종료됨"
        ),
        "restart",
    ),
    (
        Symptom("app.bad-release", DOWN, "The newest release does not run", "새 릴리스가 실행되지 않음"),
        "roll_back",
    ),
    (
        Symptom("app.hangs", DOWN, "It is alive and does not answer", "프로세스는 살아 있으나 응답하지 않음"),
        "kill",
    ),
    (
        Symptom("app.dependency-dead", DOWN, "What it depends on is down", "의존 서비스가 응답하지 않음"),
        "wait",
    ),
    (
        Symptom("app.dependency-slow", DOWN, "What it depends on is too slow", "의존 서비스가 너무 느림"),
        "wait",
    ),
    (
        Symptom("app.certificate-expired", DOWN, "Its certificate has expired", "인증서가 만료됨"),
        "renew",
    ),
    (
        Symptom(
            "app.port-taken", DOWN, "Its port is taken by another process", "다른 프로세스가 포트를 점유함"
        ),
        "free_port",
    ),
    (Symptom("app.disk-full", DOWN, "A disk it needs is full", "디스크가 가득 참"), "person"),
    (Symptom("app.errors", DOWN, "It answers with errors", "오류로 응답함"), "restart"),
    (
        Symptom(
            "app.refuses", DOWN, "Its health check is not where it should be", "헬스체크 주소가 맞지 않음"
        ),
        "person",
    ),
    (Symptom("app.starting", DEGRADED, "It is being started", "시작하는 중"), "none"),
    (Symptom("app.slow", DEGRADED, "It answers slowly", "응답이 느림"), "none"),
    (
        Symptom("app.certificate-expires", DEGRADED, "Its certificate expires soon", "인증서가 곧 만료됨"),
        "none",
    ),
)
SYMPTOMS: Mapping[str, Symptom] = {symptom.id: symptom for symptom, _ in _TABLE}
REMEDIES: Mapping[str, Remedy] = {symptom.id: remedy for symptom, remedy in _TABLE}
