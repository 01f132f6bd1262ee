"""Every page, step and command that docs/operators/refserver_playbook.md names is there, each figure too."""

from __future__ import annotations

import re

import pytest

from agent.inventory import read_inventory
from agent.language import say
from agent.naming import pages
from agent.notify.ladder import ladder_of
from agent.runbook.load import load_page
from tests.documents import ROOT
from tests.test_chat_playbook import missing

DOCUMENT = ROOT / "docs/operators/refserver_playbook.md"
TEXT = DOCUMENT.read_text()
# The guide's own paths, commands and words, and words of inventories and pages.
GUIDES = {
    "/data/backups/sqlite/{daily,weekly,incremental}",
    "/data/backups/chromadb/{daily,weekly,snapshots}",
    "/data/backups/metadata/backup_history.json",
    "rsync -avz",
    "aws s3 sync",
    "refserver.db.corrupted",
    "chromadb.corrupted",
    "drillyard-kept-*",
    "gunzip -c",
    "tar -xzf",
    "unified_20250120_030000",
    "2025-01-19 14:00:00",
    "GET /admin/backup/history",
    "POST /admin/backup/restore/BACKUP_ID",
    "df -h /data",
    "PRAGMA integrity_check;",
    "http://localhost:8060/health",
    "0 * * * *",
    "mail -s",
    "by_hand",
    "admin",
    "dba",
    "support",
}
SHOWN = sorted(set(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL))) - GUIDES)
# What the guide says, each as it stands there.
FIGURES = {
    "Goals": ("RTO: 2시간 이내", "RPO: 1시간 이내", "백업 보관 기간: 최소 30일"),
    "Disasters": (
        "메모리 부족, 프로세스 오류",
        "503 Service Unavailable",
        "백업 파일 누적, 로그 과다",
        "권한 문제, 마운트 해제",
    ),
    "Backups": (
        "일별 백업: 매일 오전 3시 (7일 보관)",
        "주별 백업: 일요일 오전 4시 (30일 보관)",
        "시간별 증분: 매시간 (2일 보관)",
    ),
    "Recovery": ("chmod 644", "chown 1000:1000", "8060"),
    "Inspection": (
        "일일: 백업 상태 확인",
        "주간: 백업 복구 테스트",
        "월간: 전체 시스템 복구 훈련",
        "RefServer Backup Failed",
        "admin@example.com",
    ),
    "People": (
        "시스템 관리자: admin@example.com",
        "데이터베이스 관리자: dba@example.com",
        "24/7 지원: +1-XXX-XXX-XXXX",
    ),
    "Checklist": (
        "최신 백업 위치 확인, 백업 무결성 검증",
        "복구 계획 수립",
        "관련자 통보",
        "현재 상태 백업, 백업 파일 복구, 권한 및 소유권 설정",
        "서비스 재시작",
        "API 헬스체크 (/health), 데이터 무결성 확인",
        "주요 기능 테스트, 성능 모니터링",
        "복구 로그 작성, 원인 분석, 재발 방지 대책, 문서 업데이트",
    ),
}


def section(name: str, text: str = TEXT) -> str:
    """What stands below a heading."""
    return text.partition(f"## {name} ·")[2].partition("\n## ")[0]


def lost(name: str, text: str) -> list[str]:
    """Which of the guide's words a section has not carried over."""
    return [each for each in FIGURES[name] if each not in section(name, text)]


@pytest.mark.parametrize("name", SHOWN)
def test_what_is_named_is_there(name: str) -> None:
    """Of a page that is there, each step that is named too."""
    assert not missing(name)


@pytest.mark.parametrize("name", FIGURES)
def test_a_section_has_the_guides_figures(name: str) -> None:
    """The words that a reader of the guide looks for."""
    assert not lost(name, TEXT)


def test_a_figure_that_is_not_carried_over_is_found() -> None:
    """The test above finds another time, another address and a word that is gone."""
    for name, old, new in (
        ("Backups", "오전 3시", "오전 5시"),
        ("People", "dba@", "db@"),
        ("Inspection", "월간", ""),
    ):
        assert lost(name, TEXT.replace(old, new))


def test_every_page_of_refserver_is_in_it() -> None:
    """Whichever disaster it is about."""
    found = {name for name in pages() if load_page(name).system == "refserver"}
    assert {name for name in found if f"`{name}" not in TEXT} == set()


def test_the_policy_is_the_guides() -> None:
    """What the example says, and the goals of each page."""
    for name in pages():
        page = load_page(name)
        if page.system == "refserver":
            assert page.objectives.rto == 2 * 3600
            assert (page.objectives.rpo or 0) <= 3600


@pytest.mark.parametrize("host", ["ref1", "ref2"])
def test_the_people_are_the_guides(host: str) -> None:
    """On either docker host the example tells the guide's three, in its order, and nobody of the chat's."""
    ladder = ladder_of([read_inventory(ROOT / "inventory/example").hosts[host]])
    assert ladder is not None
    told = [ladder.contacts[name] for level in ladder.levels for name in level.tell]
    reached = [f"{say(each.role, 'ko')}: {each.by.get('mail') or each.by_hand}" for each in told]
    assert reached == list(FIGURES["People"])
    assert [level.start for level in ladder.levels] == [0, 15, 30]
