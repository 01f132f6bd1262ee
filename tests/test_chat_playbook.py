"""Every page, step, command, drill and file that docs/operators/chat_playbook.md names is there."""

import re
import shlex
from functools import cache
from itertools import chain

import pytest
import yaml

from agent.cli.parser import parse
from agent.language import say
from agent.naming import pages
from agent.runbook.load import load_page
from tests.documents import ROOT

DOCUMENT = ROOT / "docs/operators/chat_playbook.md"
# Words of pages, inventories and servers that stand in the same type as names of ours.
OTHERS = {
    "objectives",
    "why",
    "after",
    "contacts",
    "levels",
    "temp:*",
    "redis-check-aof --fix",
    "roomId_createdAt",
}
FOREIGN = {*OTHERS, "npm run create-indexes", "{roomId: 1, createdAt: -1}", "page/step", "페이지/단계"}


def section(code: str) -> str:
    """What stands below the heading of a scenario."""
    return re.split(r"^## ", DOCUMENT.read_text().partition(f"## {code}")[2], flags=re.MULTILINE)[0]


SHOWN = sorted(
    set(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", DOCUMENT.read_text(), flags=re.DOTALL)))
)
# Pages of the chat service that its playbook's scenarios lead to.
BESIDE = {"mongodb_down", "mongodb_retire", "switch_back", "region_switch"}
CODES = re.findall(r"^## (chat/\w+/\d)", DOCUMENT.read_text(), re.MULTILINE)


@cache
def steps(page: str) -> set[str]:
    """The id of every step of a page, those of its blocks and its proofs too."""
    loaded = load_page(page)
    found, waiting = set(), [*loaded.steps, *loaded.prove]
    while waiting:
        step = waiting.pop()
        found.add(step.id)
        waiting += chain(*(getattr(step, part, ()) or () for part in ("block", "rescue", "always")))
    return found


def missing(name: str) -> str:
    """What is wrong with a name that the document shows, or nothing."""
    page, slash, step = name.partition("/")
    if name in FOREIGN:
        return ""
    if name.startswith("drillyard "):
        parse(shlex.split(name)[1:])
        return ""
    if name.startswith("make "):
        target = re.search(rf"^{name.split()[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        return "" if target else "make has no such target"
    if page in pages():
        known = not slash or step in steps(page)
        return "" if known else f"{page} has no such step, but {', '.join(sorted(steps(page)))}"
    return "" if (ROOT / name).exists() else "there is no such page, file or drill"


@pytest.mark.parametrize("name", SHOWN)
def test_what_is_named_is_there(name):
    """Of a page that is there, each step that is named too."""
    assert not missing(name)


def test_a_wrong_name_is_found():
    """The test above finds a page, a step, a drill and a target that are none."""
    for name in ("redis_oaf", "redis_aof/stpo", "drills/test_redis_oaf.py", "make dirll", "docs/nowhere.md"):
        assert missing(name)


def test_every_scenario_has_its_section():
    """Three of MongoDB, three of Redis, one of the API."""
    assert [
        *(f"chat/{system}/{n}" for system in ("mongodb", "redis") for n in (1, 2, 3)),
        "chat/api/1",
    ] == CODES


@pytest.mark.parametrize("page", sorted(pages()))
def test_a_page_stands_where_it_says(page):
    """A page that covers a scenario of the playbook is named in that scenario's section."""
    for code in load_page(page).covers:
        if code in CODES:
            assert f"`{page}" in section(code)


@pytest.mark.parametrize("page", sorted(pages()))
@pytest.mark.parametrize(
    "word", ["헬스체크", "무결성", "기능", "성능", "알림", "로그", "백업|캡처", "보고서"]
)
def test_a_page_ends_with_the_checklist(page, word):
    """Each line of it is an item of the page's own list, or what the page proves by itself."""
    loaded = load_page(page)
    if page in BESIDE or any(code in CODES for code in loaded.covers):
        said = [*loaded.after, *(step.name for step in (*loaded.steps, *loaded.prove))]
        assert any(re.search(word, say(each, "ko")) for each in said), f"{page} says nothing of {word}"


# The playbook's own words and figures, each as it stands there.
TIMES = {
    "chat/mongodb/1": (2, 3, 10, 1, 2, 3, 5, 2, 2),
    "chat/mongodb/2": (10, 10, 5),
}
TOTALS = {
    "chat/mongodb/1": "30분",
    "chat/mongodb/2": "25-30분",
    "chat/mongodb/3": "5분",
    "chat/redis/1": "5분",
    "chat/redis/2": "10분",
    "chat/redis/3": "5분",
    "chat/api/1": "5-10분",
}
FIGURES = {
    "chat/mongodb/1": ("최근 데이터 손실 (5분 이내)", "5분 전", "New cluster", "countDocuments"),
    "chat/mongodb/2": ("M20, 3 nodes", "다른 리전", "24시간 뒤"),
    "chat/mongodb/3": ("getIndexes", "roomId_createdAt", "{roomId: 1, createdAt: -1}"),
    "chat/redis/1": ("redis-check-aof --fix", "PONG", "DBSIZE"),
    "chat/redis/2": ("RDB", "instantaneous_ops_per_sec", "캐시 미스율 증가", "DB 부하 증가"),
    "chat/redis/3": ("used_memory_human", "4gb", "temp:*", "Eviction"),
    "chat/api/1": ("100줄",),
}
LEVELS = (
    ("1단계", "0-15", "온콜 DevOps 담당자"),
    ("2단계", "15-30", "DevOps Lead + Backend Lead"),
    ("3단계", "30-60", "CTO + 외부 지원 요청"),
)
QUARTERS = (
    ("Q1", 3, "MongoDB PITR", "DevOps"),
    ("Q2", 6, "Redis AOF 복구", "Backend"),
    ("Q3", 9, "전체 장애", "전체"),
    ("Q4", 12, "DR 리전 전환", "DevOps"),
)
EXAMPLE = ROOT / "inventory/example/group_vars/all"


def lost(code, text):
    """Which figures of a scenario a section has not carried over."""
    said = [int(each) for each in re.findall(r"\((\d+)분\)", text)]
    wrong = [f"times {said}"] if code in TIMES and tuple(said) != TIMES[code] else []
    total = f"총 예상 시간: {TOTALS[code]} |"
    return wrong + [each for each in (*FIGURES[code], total) if each not in text]


@pytest.mark.parametrize("code", CODES)
def test_a_scenario_has_the_figures_of_the_playbook(code):
    """Each step's minutes in their order, the total, and the words a reader of the playbook looks for."""
    heading = next(line for line in DOCUMENT.read_text().splitlines() if line.startswith(f"## {code}"))
    assert not lost(code, heading + section(code))


def test_a_figure_that_is_not_carried_over_is_found():
    """The test above finds another time, another total and a word that is gone."""
    whole = f"## {section('chat/mongodb/1')} 최근 데이터 손실 (5분 이내)"
    assert not lost("chat/mongodb/1", whole)
    for old, new in (
        ("복구 대기 (10분)", "복구 대기 (12분)"),
        ("시간: 30분", "시간: 40분"),
        ("countDocuments", ""),
    ):
        assert lost("chat/mongodb/1", whole.replace(old, new))


@pytest.mark.parametrize("code", CODES)
def test_the_pages_budget_is_the_playbooks_total(code):
    """The longest that the playbook expects is what the page's steps may take in all."""
    (page,) = [page for page in pages() if code in load_page(page).covers]
    minutes = int(TOTALS[code].removesuffix("분").rpartition("-")[2])
    assert load_page(page).objectives.budget == minutes * 60


def test_the_ladder_is_the_playbooks():
    """Levels, their minutes and who is told, in the document, in the page about it and in the example."""
    people = DOCUMENT.read_text().partition("## People")[2].partition("\n## ")[0]
    shown = (ROOT / "docs/operators/escalation.md").read_text()
    for level, minutes, who in LEVELS:
        assert f"{level} ({minutes}분): {who}" in people
        assert re.search(rf"^\| {level} \| {minutes} \| .*{re.escape(who)} \|$", shown, re.MULTILINE), level
    for head in ("담당자", "전화", "Slack", "우선순위", "support@mongodb.com", "AWS Console → Support"):
        assert head in shown
    text = (EXAMPLE / "escalation.yml").read_text()
    levels = yaml.safe_load(text[text.index("  levels:") :])["levels"]
    assert [(each["from"], each["tell"]) for each in levels] == [
        (0, ["devops-oncall"]),
        (15, ["devops-lead", "backend-lead"]),
        (30, ["cto", "mongodb-atlas", "aws", "hosting"]),
    ]


def test_the_rehearsals_are_the_playbooks():
    """The four dates, the day's timetable and each item of the three lists, in example and page."""
    shown = (ROOT / "docs/operators/rehearsals.md").read_text()
    plan = yaml.safe_load((EXAMPLE / "rehearsals.yml").read_text())["rehearsals"]
    dates = [(each["id"], each["month"], _ko(each["scenario"]), _ko(each["owner"])) for each in plan["dates"]]
    assert dates == list(QUARTERS)
    assert {(each["week"], each["weekday"]) for each in plan["dates"]} == {(1, "wednesday")}
    for quarter, month, scenario, owner in QUARTERS:
        row = next(line for line in shown.splitlines() if line.startswith(f"| {quarter} |"))
        assert f"{month}월 첫째 주 수요일" in row
        assert scenario in row
        assert owner in row
    for each in plan["day"]["timetable"]:
        assert re.search(
            rf"^\| {each['from']} - {each['to']} \| .*{_ko(each['what'])} \|$", shown, re.MULTILINE
        )
    for each in plan["day"]["items"]:
        wanted = _ko(each["what"]).partition(":")[0]
        assert re.search(rf"^- \[ \] {each['at']} .*{re.escape(wanted)}", shown, re.MULTILINE), each
    for each in (*plan["before"]["items"], *plan["after"]["items"]):
        assert re.search(rf"^- \[ \] .*{re.escape(_ko(each['what']))}", shown, re.MULTILINE), each
    assert plan["day"]["timetable"][0]["from"] == "09:00"
    assert plan["day"]["timetable"][-1]["to"] == "11:30"


def _ko(text):
    return text if isinstance(text, str) else text["ko"]
