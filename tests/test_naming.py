"""Pages, systems, supervisors and actions are found by name, and a wrong name lists the right ones."""

import sys
from pathlib import Path

import pytest

from agent import naming
from agent.errors import NotFound
from agent.systems.redis import Redis

THEIRS = '''
from __future__ import annotations
from collections.abc import Generator
from agent.inventory import Service
from agent.transport.ask import Action, Ask, Sh

def drain(service: Service, *, seconds: int = 5, why: str) -> Action[int]:
    """Drain."""
    done = yield Sh("true")
    return done.rc

def _hidden(service: Service) -> Action[int]:
    yield Sh("true")

def helper(service: Service) -> int:
    return 1
'''


@pytest.fixture
def theirs(tmp_path, monkeypatch):
    """A module of somebody else that can be imported."""
    (tmp_path / "their_dr").mkdir()
    (tmp_path / "their_dr/__init__.py").write_text("")
    (tmp_path / "their_dr/balancer.py").write_text(THEIRS)
    (tmp_path / "their_dr/broken.py").write_text("import a_module_that_is_not_there")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in [name for name in sys.modules if name.startswith("their_dr")]:
        del sys.modules[name]


def test_the_first_folder_with_a_page_wins(tmp_path):
    """A user's folder comes before ours, in the order given."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.yml").write_text("")
    (tmp_path / "two/other.yaml").write_text("")
    (tmp_path / "two/.hidden.yml").write_text("")
    folders = [tmp_path / "one", tmp_path / "two"]
    assert naming.find_page("mine", folders) == tmp_path / "one/mine.yml"
    assert naming.find_page("other", folders) == tmp_path / "two/other.yaml"
    assert naming.find_page(str(tmp_path / "two/mine.yml")) == tmp_path / "two/mine.yml"
    assert ".hidden" not in naming.pages(folders)


def test_an_unknown_page_lists_the_pages(tmp_path):
    """The nearest name is offered."""
    (tmp_path / "redis_mine.yml").write_text("")
    with pytest.raises(NotFound, match=r"There is no page redis_mime\. Did you mean redis_mine\?"):
        naming.find_page("redis_mime", [tmp_path])
    with pytest.raises(NotFound, match="expected a page, found no file"):
        naming.find_page(str(tmp_path / "none.yml"))
    with pytest.raises(NotFound, match="expected a folder of pages"):
        naming.find_page("x", [Path("/nowhere")])


def test_systems_and_supervisors_are_their_files():
    """A file makes a name; one that begins with _ does not."""
    assert "redis" in naming.systems()
    assert not any(name.startswith("_") for name in naming.systems())
    assert "systemd" in naming.supervisors()
    assert "service" not in naming.supervisors()
    assert naming.system("redis").__name__ == "agent.systems.redis"
    with pytest.raises(NotFound, match=r"There is no system rediss\. Did you mean redis\?"):
        naming.system("rediss")
    with pytest.raises(NotFound, match="There is no supervisor systemed"):
        naming.supervisor("systemed")


def test_an_action_tells_what_it_takes():
    """Its subject, and the name, type and default of each argument."""
    verb = naming.verb("redis.cut")
    assert verb.subject is Redis
    assert [(param.name, param.kind, param.required) for param in verb.params] == [
        ("file", str, True),
        ("at", int, True),
    ]
    assert not verb.open
    assert not naming.verb("redis.count").params[0].required


def test_every_system_offers_only_actions():
    """What stands in the list can be called as one."""
    for room in (*naming.systems(), "service"):
        for name in naming.actions(room):
            assert naming.verb(name).name == name


def test_a_dotted_name_reaches_any_module(theirs):
    """Somebody's own action is used like ours; what is private or no action is not."""
    verb = naming.verb("their_dr.balancer.drain")
    assert [param.name for param in verb.params] == ["seconds", "why"]
    assert verb.of("the service") == "the service"
    assert naming.actions("their_dr.balancer") == ("their_dr.balancer.drain",)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("redis.cutt", "There is no action redis.cutt. Did you mean redis.cut?"),
        ("rediss.cut", "There is nothing called rediss that has actions. Did you mean redis?"),
        ("os.system", "There is no action os.system"),
        ("redis", "'redis' is no action; expected system.action"),
        ("redis.", "is no action"),
        ("redis.cut()", "is no action"),
        ("redis.Redis.of", "There is nothing called redis.Redis"),
        ("their_dr.balancer._hidden", "There is no action"),
        ("their_dr.balancer.helper", "There is no action"),
    ],
)
def test_an_unknown_action_is_refused(theirs, name, said):
    """Only a generator that is annotated as an Action and stands in that module is one."""
    with pytest.raises(NotFound) as error:
        naming.verb(name)
    assert said in str(error.value)


def test_a_broken_module_is_not_taken_for_a_missing_one(theirs):
    """What is wrong inside of it is seen."""
    with pytest.raises(ModuleNotFoundError, match="a_module_that_is_not_there"):
        naming.verb("their_dr.broken.x")
