"""A page is read whole or refused whole: every fault with its file and line."""

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from agent import naming
from agent.errors import BadPage, NotFound
from agent.language import Words
from agent.runbook.load import load_page
from agent.runbook.model import Item, Page

WHOLE = """\
title: {en: Repair, ko: 복구}
system: redis
on: redis
covers: [the log is damaged, "1.2"]
objectives: {rto: 30m, rpo: 5 min, budget: 300}
why: It loses least.
params:
  force: {type: flag, default: false, help: {en: x, ko: y}}
  within: {type: duration, default: 5 min}
  until: {type: time}
steps:
  - name: {en: Stop Redis, ko: 정지}
    do: service.stop
    with: {within: "{{ within }}"}
    on: redis[0]
    when: not force
    register: stopped
    budget: 30s
    timeout: 1m
    retry: {times: 3, every: 2s, until: result.ok}
    serial: 30%
    confirm: Sure?
    tags: [stop]
    undo: {do: service.start}
  - {sh: ls -l, reads: true}
  - {sh: ls -l, sudo: redis, ok: [0, 1]}
  - id: last
    block: [{sh: [rm, x]}]
    rescue: [{sh: echo}]
    always: [{sh: "true"}]
prove:
  - {do: redis.prove}
after: [Write the report, {en: x, ko: y}]
"""


@pytest.fixture
def write(tmp_path):
    """Write a page and return its path."""

    def write_page(text: str, name: str = "page.yml") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write_page


def test_a_whole_page(write):
    """Every key of the language is read; ids and lines are given to each step."""
    page = load_page(write(WHOLE))
    assert (page.name, page.system, page.on) == ("page", "redis", "redis")
    assert page.title == Words("Repair", "복구")
    assert (page.objectives.rto, page.objectives.rpo, page.objectives.budget) == (1800, 300, 300)
    assert page.params["within"].default == 300
    assert page.params["until"].required
    assert page.after == ("Write the report", Item("x", "y"))
    stop = page.steps[0]
    assert stop.arguments == {"within": "{{ within }}"}
    assert (stop.budget, stop.timeout, stop.retry.every, stop.serial) == (30, 60, 2, "30%")
    assert [(step.id, step.at.line) for step in page.every_step()] == [
        ("stop-redis", 12), ("service.start", 24), ("ls-l", 25), ("ls-l-2", 26), ("last", 27),
        ("rm-x", 28), ("echo", 29), ("true", 30), ("redis.prove", 32),
    ]  # fmt: skip


def test_the_fingerprint_is_the_contents(write):
    """Another byte is another page."""
    one = load_page(write("title: a\nsteps: [{sh: x}]")).sha256
    assert load_page(write("title: a\nsteps: [{sh: x}]", "b.yml")).sha256 == one
    assert load_page(write("title: a\nsteps: [{sh: y}]")).sha256 != one


def test_a_users_page_comes_before_ours(write, tmp_path):
    """By name it is searched in the given folders; by path it is that file."""
    path = write("title: mine\nsteps: [{sh: x}]", "redis_aof.yml")
    assert load_page("redis_aof", [tmp_path]).title == "mine"
    assert load_page(str(path)).title == "mine"
    with pytest.raises(NotFound, match=r"Did you mean redis_aof\?"):
        load_page("redis_oaf", [tmp_path])


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "expected a page"),
        ("- x", 1, "expected a page"),
        ("title: a\nsteps: [", 2, "not sound YAML"),
        ("title: a\ntitle: b\nsteps: [{sh: x}]", 2, "title stands here a second time"),
        ("title: a", 1, "the page needs the key steps"),
        ("steps: [{sh: x}]", 1, "the page needs the key title"),
        ("title: a\nsteps: []", 2, "expected at least one step"),
        ("title: a\nsteps: {sh: x}", 2, "`steps`: expected a list, found a mapping"),
        ("title: a\nstps: []\nsteps: [{sh: x}]", 2, "unknown key stps. Did you mean steps?"),
        ("title: a\nsteps:\n- sh: x\n  bugdet: 1", 4, "unknown key bugdet. Did you mean budget?"),
        ("title: a\nsteps:\n- sh: x\n  budget: soon", 4, "`budget`: expected a length of time"),
        ("title: a\nsteps:\n- sh: 5", 3, "`sh`: expected text or a list, found a whole number"),
        ("title: a\nsteps:\n- do: a.b\n  sh: x", 3, "found do and sh"),
        ("title: a\nsteps:\n- block:\n  - sh: x\n    wen: y", 5, "unknown key wen. Did you mean when?"),
        ("title: a\nsteps:\n- sh: x\n  undo:\n    shh: x", 5, "unknown key shh. Did you mean sh?"),
        ("title: a\nsteps:\n- sh: x\n  retry:\n    tims: 3", 5, "`retry` has the unknown key tims"),
        ("title: a\nsteps:\n- sh: x\n  when: 1 +", 4, "cannot be read"),
        ("title: a\nsteps:\n- sh: x {{ y", 3, "not closed"),
        ("title: a\nsteps:\n- do: a.b\n  with:\n    c: ['{{ y() }}']", 5, "holds a call"),
        ("title: a\nsteps:\n- {sh: x, id: a}\n- {sh: x, id: a}", 4, "the id a is given to two steps"),
        ("title: a\nsteps:\n- sh: x\n  $at: 1", 4, "the key $at is unknown"),
        ("title: a\nsteps: [7]", 2, "expected a mapping, found a whole number"),
        ("title: {kr: a}\nsteps: [{sh: x}]", 1, "`title` has the unknown key kr"),
        ("title: a\nobjectives: {rto: never}\nsteps: [{sh: x}]", 2, "`rto`: expected a length of time"),
        ("title: a\nparams: {x: {type: txt}}\nsteps: [{sh: x}]", 2, "expected a type among text, number"),
        ("title: a\nparams: {host: {}}\nsteps: [{sh: x}]", 2, "'host' cannot be the name of a parameter"),
        ("title: a\nparams: {x: {type: number, default: y}}\nsteps: [{sh: x}]", 2, "should be a number"),
        ("title: a\nparams: {x: {type: secret, default: y}}\nsteps: [{sh: x}]", 2, "is written out"),
        ("title: a\nparams: {x: {type: duration, default: y}}\nsteps: [{sh: x}]", 2, "should be a duration"),
        ("title: a\nparams: {x: {type: time, default: noon}}\nsteps: [{sh: x}]", 2, "should be a time"),
        ("title: a\nsteps:\n- sh: !env X", 3, "the tag !env is not known here"),
        ("title: a\nsteps:\n- include: nowhere", 3, "There is no page nowhere"),
        ("title: a\nsteps:\n- include: page", 3, "would include itself"),
    ],
)
def test_a_bad_page_is_refused_with_file_and_line(write, text, line, said):
    """Each mistake is one sentence, with the nearest word that would have been right."""
    path = write(text)
    with pytest.raises(BadPage) as error:
        load_page(path, [path.parent])
    assert said in str(error.value)
    assert str(error.value).startswith(f"{path}:{line}:")


def test_every_fault_is_told_at_once(write):
    """A page is not mended one run at a time."""
    path = write("title: 5\nstps: 1\nsteps:\n- {shh: x}\n- {sh: x, budget: soon}\nparams:\n  x: {type: y}")
    with pytest.raises(BadPage) as error:
        load_page(path)
    assert sorted(line.split(":")[1] for line in str(error.value).splitlines()) == ["1", "2", "4", "5", "7"]


INNER = """\
title: inner
params: {path: {}, times: {type: number, default: 2}}
steps:
  - {sh: "ls {{ path }}", undo: {sh: x}}
  - {include: innermost, with: {what: "{{ path }}"}}
"""


def test_an_include_is_the_other_pages_steps(write, tmp_path):
    """Its ids stand below the including step's, its parameters are seen by its steps alone."""
    write(INNER, "inner.yml")
    write("title: i\nparams: {what: {}}\nsteps: [{sh: 'cat {{ what }}'}]", "innermost.yml")
    outer = write("title: o\nsteps:\n- {id: one, when: x, include: inner, with: {path: '{{ found.path }}'}}")
    page = load_page(outer, [tmp_path])
    one = page.steps[0]
    assert (one.kind, one.include, one.when, one.arguments) == ("block", "", "x", {})
    given = {"times": 2, "path": "{{ found.path }}"}
    assert [(step.id, step.given) for step in page.every_step()] == [
        ("one", ()),
        ("one.ls-path", (given,)),
        ("one.x", (given,)),
        ("one.innermost", (given,)),
        ("one.innermost.cat-what", (given, {"what": "{{ path }}"})),
    ]
    assert Path(page.every_step().__next__().at.file).name == "page.yml"
    assert Path(one.block[0].at.file).name == "inner.yml"


def test_a_page_is_another_when_what_it_includes_is(write, tmp_path):
    """The fingerprint covers the included pages."""
    write("title: i\nsteps: [{sh: x}]", "inner.yml")
    outer = write("title: o\nsteps: [{include: inner}]")
    before = load_page(outer, [tmp_path]).sha256
    write("title: i\nsteps: [{sh: y}]", "inner.yml")
    assert load_page(outer, [tmp_path]).sha256 != before


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "needs path below `with`"),
        ("with: {path: x, pth: y}", "has no parameter pth; it has path, times"),
        ("with: {path: x, times: many}", "times should be a number, found 'many'"),
        ("with: {path: 5}", "path should be a text, found 5"),
    ],
)
def test_an_included_page_must_be_given_what_it_needs(write, tmp_path, given, said):
    """Its parameters are checked like an action's arguments."""
    write(INNER, "inner.yml")
    write("title: i\nparams: {what: {}}\nsteps: [{sh: x}]", "innermost.yml")
    with pytest.raises(BadPage) as error:
        load_page(write(f"title: o\nsteps:\n- include: inner\n  {given}"), [tmp_path])
    assert said in str(error.value)


def test_pages_that_include_each_other_are_refused(write, tmp_path):
    """A loop is found, however long."""
    write("title: b\nsteps: [{include: page}]", "b.yml")
    with pytest.raises(BadPage, match="would include itself"):
        load_page(write("title: a\nsteps: [{include: b}]"), [tmp_path])


def test_reading_needs_no_heavy_library():
    """A command that only reads starts without Jinja2, Fabric and Rich."""
    look = (
        "import sys, agent.runbook.load, agent.inventory; "
        "print([name for name in ('jinja2', 'fabric', 'paramiko', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_our_own_pages_are_sound():
    """Every page we ship can be read."""
    from agent.naming import pages

    for name in pages():
        assert isinstance(load_page(name), Page)


def test_a_default_fits_the_action_it_is_handed_to():
    """As it does where `--set` gives the same: the page would end in its first step else."""
    seen = set()
    for name in naming.pages():
        page = load_page(name)
        for step in page.every_step():
            kinds = {each.name: each.kind for each in naming.verb(step.do).params} if step.do else {}
            for key, value in (step.arguments or {}).items():
                whole = re.fullmatch(r"\{\{ (\w+) \}\}", str(value))
                param = page.params.get(whole[1]) if whole else None
                if param and not param.required and param.default is not None:
                    msgspec.convert(param.default, kinds[key])
                    seen.add((page.name, key))
    assert ("host_lost", "span") in seen
