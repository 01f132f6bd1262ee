"""The page for a lost region, on the production-shaped example: whom it touches, and in what order."""

from __future__ import annotations

import pytest

from agent.inventory import read_inventory
from agent.runbook.check import check_page, hosts_of
from agent.runbook.hosts import meant_by
from agent.runbook.load import load_page
from agent.runbook.plan import _Foresight
from agent.transport.preview import UNKNOWN
from tests.documents import ROOT

PAGE = load_page("region_switch")
WORLD = read_inventory(ROOT / "inventory/example")
LEFT = "redis_dr:mongodb:api_busan"


def test_it_fits_the_example():
    """Nothing is wrong with it there, and its steps' budgets are within the playbook's half hour."""
    assert check_page(PAGE, WORLD) == []


def test_no_host_of_the_lost_region_is_touched():
    """With --limit to the API that is left: the DR Redis, the tools host of MongoDB, and those API hosts."""
    found = [host.name for host in hosts_of(PAGE, WORLD, LEFT)]
    assert found == [
        "redis1-dr",
        "mongo-tools.chat.example",
        "api-busan-01.chat.example",
        "api-busan-02.chat.example",
    ]


def test_the_application_is_told_once_and_last():
    """Of all that is done, only the last steps but the health check alter it, and one of two is done."""
    told = [step.id for step in PAGE.every_step() if step.do in ("service.set_env", "service.restart")]
    inside = {"mongodb.switch", "mongodb.again"}
    assert set(told) == inside | {"switch", "cache"}
    given = next(step for step in PAGE.every_step() if step.id == "mongodb.switch").given
    assert given[0]["move"] is False
    order = [step.id for step in PAGE.steps]
    assert order == [
        "known",
        "lost",
        "cold",
        "fetch",
        "redis",
        "ready",
        "mongodb",
        "dark",
        "point",
        "switch",
        "cache",
        "health",
    ]
    whens = {step.when for step in PAGE.steps if step.id in ("switch", "cache")}
    assert whens == {"by == 'environment'", "by == 'secret'"}


@pytest.mark.parametrize(
    ("step", "on"),
    [
        ("fetch", {"redis1-dr"}),
        ("redis.rebuild", {"redis1-dr"}),
        ("mongodb.restore", {"mongo-tools.chat.example"}),
        ("switch", {"api-busan-01.chat.example", "api-busan-02.chat.example"}),
    ],
)
def test_each_step_is_for_those_who_serve_its_system(step: str, on: set[str]):
    """Those of the pages that it includes too."""
    hosts = hosts_of(PAGE, WORLD, LEFT)
    found = next(each for each in PAGE.every_step() if each.id == step)
    assert {host.name for host in meant_by(found, PAGE, hosts, hosts)} == on


def test_neither_half_is_left_behind_alive():
    """Both are asked before anything is done and right before the application is told, with time to start."""
    asks = [step.id for step in PAGE.every_step() if step.do in ("mongodb.lost", "app.need_lost")]
    assert asks == ["lost", "cold", "mongodb.lost", "mongodb.unreached", "dark"]
    later = next(step for step in PAGE.every_step() if step.id == "mongodb.later")
    assert later.do == "mongodb.bring_later"
    told = [step for step in PAGE.steps if step.do == "service.set_env"]
    assert [step.arguments["within"] for step in told] == [170, 170]


def test_a_plan_says_what_hinges_on_a_backup_that_is_not_there_yet():
    """Before the backup has been fetched nobody knows its name; the page is foreseen all the same."""
    for step in PAGE.every_step():
        if step.id.startswith("redis."):
            assert _Foresight._hinges(step, {"fetched": UNKNOWN, "hosts": {}}) == "fetched"
