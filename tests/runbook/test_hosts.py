"""Whom a step is for, and what it may know of other hosts."""

import json
import re

import pytest

from agent.cli import main
from agent.runbook.expressions import of_other_hosts
from agent.runbook.load import load_page

HOSTS = """all:
  vars: {{ansible_connection: local}}
  hosts:
    cache: {{drillyard_state_dir: {0}/cache, serves: {{redis: {{supervisor: systemd, unit: redis-server}}}}}}
    web: {{drillyard_state_dir: {0}/web}}
"""
PAGE = """
title: Two hosts
steps:
  - {id: asks, system: redis, sh: "echo 42; ls STATE/*/locks", reads: true, register: found}
  - {id: tells, on: WHO, sh: "echo {{ hosts.cache.found.out }} {{ host.name }} >> LOG", changes: a line}
"""


@pytest.fixture
def words(tmp_path):
    """Write an inventory and a page; return the words that run or plan it."""
    (tmp_path / "hosts.yml").write_text(HOSTS.format(tmp_path))

    def write(text: str, verb: str = "run", on: str = "all") -> list[str]:
        text = text.replace("LOG", str(tmp_path / "log")).replace("STATE", str(tmp_path))
        (tmp_path / "page.yml").write_text(text.replace("WHO", on))
        more = ["--runs", str(tmp_path / "runs"), "--json"] if verb == "run" else []
        return [verb, str(tmp_path / "page.yml"), "-i", str(tmp_path / "hosts.yml"), *more]

    return write


def test_a_step_is_for_those_that_serve_its_system(words, tmp_path, capsys):
    """And every host may know what it learned there; the lock is on the service, not on the page."""
    text = PAGE.replace("system: redis", "on: cache").replace(
        "title: Two hosts", "title: Two hosts\nsystem: redis"
    )
    assert main(words(text)) == 0
    assert (tmp_path / "log").read_text().split()[0] == "42"
    assert "redis" in (tmp_path / "log").read_text()
    assert "web" not in capsys.readouterr().out


def test_a_page_over_several_hosts(words, tmp_path):
    """A step without a system of its own runs everywhere; what one host told, the other writes."""
    assert main(words(PAGE.replace('sh: "echo 42; ls STATE/*/locks"', "sh: echo 42"), on="web")) != 0
    text = PAGE.replace("system: redis, ", "on: cache, ").replace("; ls STATE/*/locks", "")
    assert main(words(text)) == 0
    assert sorted((tmp_path / "log").read_text().splitlines()) == ["42 cache", "42 web"]


def test_a_plan_says_what_hinges_on_another_host(words, capsys):
    """What a change on one host will tell is not known before, on the other host either."""
    text = PAGE.replace("system: redis, ", "on: cache, ").replace("reads: true", "changes: something")
    assert main([*words(text, "plan"), "--json"]) == 0
    planned = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each["host"], each["verdict"]) for each in planned if each["step"] == "tells"] == [
        ("cache", "depends"),
        ("web", "depends"),
    ]
    assert all("found" in each["hinges"] for each in planned if each["step"] == "tells")


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("hosts.a.look.lost + 1", {("a", "look")}),
        ("hosts['mongo-dr'].found == hosts.a['found']", {("mongo-dr", "found"), ("a", "found")}),
        ("host.name", set()),
        ("look.hosts.a", set()),
    ],
)
def test_what_an_expression_takes_of_other_hosts(text, taken):
    """By attribute and by item."""
    assert of_other_hosts(text) == taken


def test_an_included_page_acts_on_its_own_system(tmp_path):
    """Its `service.stop` stops what that page is about, wherever it is included."""
    (tmp_path / "inner.yml").write_text("title: i\nsystem: redis\nsteps: [{do: service.stop}, {sh: x}]")
    (tmp_path / "outer.yml").write_text("title: o\nsteps: [{include: inner}, {sh: y}]")
    page = load_page("outer", [tmp_path])
    assert page.systems == ("redis",)
    assert [step.concerns("") for step in page.every_step()][1:] == ["redis", "redis", ""]
    assert re.fullmatch(r"inner\..+", page.steps[0].block[0].id)


def test_what_fails_on_one_system_ends_a_page_over_two(tmp_path):
    """The steps of one rest on those of the other: the application is not touched."""
    app = "{supervisor: systemd, unit: chat, health: 'http://127.0.0.1:1/health'}"
    (tmp_path / "hosts.yml").write_text(
        HOSTS.format(tmp_path).replace("/web}", "/web, serves: {app: " + app + "}}")
    )
    (tmp_path / "page.yml").write_text(
        "title: Two systems\nsystem: redis\nsteps:\n"
        "  - {id: fails, system: redis, sh: 'false', changes: nothing}\n"
        f"  - {{id: switches, system: app, sh: 'echo on >> {tmp_path}/log', changes: the application}}\n"
    )
    words = ["run", str(tmp_path / "page.yml"), "-i", str(tmp_path / "hosts.yml")]
    assert main([*words, "--runs", str(tmp_path / "runs")]) != 0
    assert not (tmp_path / "log").exists()
