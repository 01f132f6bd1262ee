"""The health of a service, as English and Korean eyes read it."""

import pytest

from agent.cli.checked import health_lines
from agent.diagnosis.disk import Disk
from agent.diagnosis.health import DOWN, Health
from agent.screen.words import columns
from agent.systems import Symptom

SICK = Symptom("redis.writes-refused", DOWN, "It refuses writes", "쓰기를 거부함", "MISCONF")
HEALTH = Health(
    *("redis1", "redis", DOWN, (SICK,), ("no contact",)),
    supervisor="running",
    answers="reads only",
    data="sound",
    backup="5 min old, restored",
    disk=Disk("/data", 90, 4 << 20, 1),
)


def test_in_english():
    """One line, then what is wrong, then what was not seen."""
    first, *rest = health_lines(HEALTH, "en")
    assert " ".join(first.split()) == (
        "redis1 redis down or damaged running answers: reads only data: sound disk: 90 % of 4 GiB at /data "
        "backup: 5 min old, restored"
    )
    assert rest == [
        "    redis.writes-refused     It refuses writes: MISCONF",
        "    could not look: no contact",
    ]


@pytest.mark.parametrize(
    ("backup", "said"),
    [
        ("5 min old, restored", "5 분 전, 복구 확인"),
        ("2 h old, not verified", "2 시간 전, 검증되지 않음"),
        ("3 d old, checksum", "3 일 전, 체크섬 확인"),
        ("45 s old, opens", "45 초 전, 열림 확인"),
        ("none verified", "검증된 것 없음"),
    ],
)
def test_in_korean(backup, said):
    """Nothing of our own is left in English, and columns stand below each other."""
    first, *rest = health_lines(
        Health(
            *("redis1", "redis", DOWN, (SICK,), ("no contact",)), "running", "reads only", "sound", backup
        ),
        "ko",
    )
    assert " ".join(first.split()) == (
        f"redis1 redis 중단 또는 손상 실행 중 응답: 읽기만 데이터: 정상 디스크: ? 백업: {said}"
    )
    assert rest == ["    redis.writes-refused     쓰기를 거부함: MISCONF", "    확인 불가: no contact"]
    english = next(health_lines(HEALTH, "en"))
    assert columns(first[: first.index("데이터")]) == english.index("data:")
