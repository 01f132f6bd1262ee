"""A page is proved against an inventory without touching a host."""

import pytest

from agent.errors import BadPage, NotFound
from agent.inventory import read_inventory
from agent.runbook.check import check_page, hosts_of, refuse_bad
from agent.runbook.load import load_page

WORLD = """
all:
  children:
    redis:
      hosts: {redis1: , redis2: , redis3: }
      vars: {serves: {redis: {supervisor: systemd, unit: redis-server, password: !env NOT_SET}}}
    web:
      hosts: {web1: }
"""

SOUND = """\
title: t
system: redis
on: all
objectives: {budget: 2m}
params: {within: {type: duration, default: 5 min}}
steps:
  - {do: redis.inspect, register: look, budget: 1m}
  - {do: redis.cut, with: {file: "{{ look.file }}", at: 5}, when: look.at > 3 and run.id, on: redis1}
  - {do: service.stop, budget: 30s}
  - {sh: "ls {{ host.name }}", retry: {until: result.rc == 0}, on: "redis:!redis3"}
  - {do: redis.ping, with: {within: "{{ params.within }}"}}
prove:
  - {do: redis.prove, with: {at_least: 1}, when: look is defined}
"""


@pytest.fixture
def world(tmp_path):
    """Three hosts with Redis and one without."""
    (tmp_path / "hosts.yml").write_text(WORLD)
    return read_inventory(tmp_path / "hosts.yml")


@pytest.fixture
def problems(world, tmp_path):
    """Return what is wrong with a page, each as line and sentence."""

    def of(text: str) -> list[str]:
        path = tmp_path / "page.yml"
        path.write_text(text)
        found = check_page(load_page(path, [tmp_path]), world)
        return [str(problem).replace(str(path), "page") for problem in found]

    return of


def test_a_sound_page_has_no_problem(problems):
    """Actions, arguments, hosts, names and budgets all fit."""
    assert problems(SOUND) == []


def step(text: str) -> str:
    """A page of one step, after one that registers `look`."""
    return f"title: t\nsystem: redis\non: redis\nsteps:\n- {{do: redis.inspect, register: look}}\n- {text}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (step("{do: redis.cutt}"), "page:6: There is no action redis.cutt. Did you mean redis.cut?"),
        (step("{do: redsi.cut}"), "page:6: There is nothing called redsi that has actions. Did you mean"),
        (step("{do: redis.cut, with: {file: x}}"), "page:6: redis.cut needs 'at' below `with`."),
        (step("{do: redis.cut, with: {file: x, at: 5, att: 1}}"),
         "page:6: redis.cut takes no 'att'; it takes file, at. Did you mean at?"),
        (step("{do: redis.cut, with: {file: 5, at: 5}}"),
         "page:6: 'file' of redis.cut does not fit: expected text, found a whole number."),
        (step("{do: redis.ping, with: {within: soon}}"), "page:6: 'within' of redis.ping does not fit"),
        (step("{sh: x, when: lok.at > 3}"),
         "page:6: `when` uses `lok`, which is no parameter and which no earlier step registers. Did"),
        (step("{sh: 'x {{ lok }}'}"), "page:6: `sh` uses `lok`"),
        (step("{do: redis.ping, with: {within: '{{ lok }}'}}"), "page:6: `with.within` uses `lok`"),
        (step("{sh: x, when: result}"), "page:6: `when` uses `result`"),
        (step("{sh: x, when: later}") + "- {sh: y, register: later}", "page:6: `when` uses `later`"),
        (step("{sh: x, on: redis9}"), "page:6: `on`: 'redis9' is neither a host nor a group"),
        (step("{sh: x, on: web1}"), "page:6: `on`: 'web1' is neither a host nor a group"),
        (step("{sh: x, on: 'redis1:&redis2'}"), "page:6: warning: `on`: 'redis1:&redis2' means none of"),
        (step("{sh: x}").replace("on: redis", "on: reddis"), "page:1: 'reddis' is neither a host"),
        (step("{sh: x}").replace("on: redis", "on: web"),
         "page:1: none of the hosts 'web' means serves redis; redis1, redis2, redis3 does."),
        (step("{sh: x}").replace("system: redis", "system: rediss"), "page:1: There is no system rediss."),
        ("title: t\non: web\nsteps: [{do: redis.status}]",
         "page:1: none of the hosts 'web' means serves redis; redis1, redis2, redis3 does."),
        ("title: t\non: web\nsteps: [{do: service.stop}]",
         "page:3: service.stop acts on a service, and the step and the page have no `system`."),
        ("title: t\nsteps: [{do: redis.status}, {do: service.stop, system: redsi, on: redis1}]",
         "page:2: There is no system redsi. Did you mean redis?"),
        ("title: t\nobjectives: {budget: 1m}\nsteps: [{block: [{sh: x, budget: 50s}]}, {sh: x, budget: 50s}]",
         "page:1: warning: the steps may take 1m40s together, and the page's budget is 1m."),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_with_its_line(problems, text, expected):
    """One problem each, and the nearest right word."""
    found = problems(text)
    assert len(found) == 1
    assert found[0].startswith(expected)


def test_what_an_including_step_gives_is_checked_in_its_own_names(problems, tmp_path):
    """Inside the included page its parameters are names; outside they are not."""
    (tmp_path / "inner.yml").write_text(
        "title: i\nparams: {path: {}}\n"
        "steps: [{sh: 'ls {{ path }}'}, {include: more, with: {p: '{{ path }}'}}]"
    )
    (tmp_path / "more.yml").write_text("title: m\nparams: {p: {}}\nsteps: [{sh: 'ls {{ p }}'}]")
    assert problems(step("{include: inner, with: {path: '{{ look.file }}'}}")) == []
    found = problems(step("{include: inner, with: {path: '{{ path }}'}}"))
    assert len(found) == 1
    assert found[0].startswith("page:6: `with` path uses `path`")


def test_errors_refuse_and_warnings_do_not(world, tmp_path):
    """A run begins with this: nothing is touched by a page that does not fit."""
    path = tmp_path / "page.yml"
    path.write_text("title: t\nobjectives: {budget: 1s}\nsteps: [{sh: x, budget: 5s}]")
    assert [problem.severity for problem in refuse_bad(load_page(path), world)] == ["warning"]
    path.write_text("title: t\nsteps: [{do: redis.x}, {do: redis.y}]")
    with pytest.raises(BadPage) as error:
        refuse_bad(load_page(path), world)
    assert str(error.value).count("There is no action") == 2


def test_the_hosts_of_a_page(world, tmp_path):
    """Those it means that serve its system, narrowed by the operator's limit."""
    path = tmp_path / "page.yml"
    path.write_text("title: t\nsystem: redis\nsteps: [{sh: x}]")
    page = load_page(path)
    assert [host.name for host in hosts_of(page, world)] == ["redis1", "redis2", "redis3"]
    assert [host.name for host in hosts_of(page, world, "redis:!redis2")] == ["redis1", "redis3"]
    with pytest.raises(NotFound, match="'web' leaves none of the hosts of page: redis1, redis2, redis3"):
        hosts_of(page, world, "web")
