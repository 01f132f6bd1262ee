"""What a stack says where it cannot start, without any engine."""

from pathlib import Path
from typing import Any, cast

import pytest

from agent.errors import DrillyardError, EngineMissing, NotFound
from drills.rig import engine, stack
from drills.rig.endpoint import Endpoint
from drills.rig.engine import Engine
from drills.rig.stack import Stack


def test_without_an_engine_it_is_said_in_one_sentence(tmp_path: Path) -> None:
    """Nobody listening is EngineMissing, with what to do."""
    with pytest.raises(EngineMissing, match=r"make setup") as error:
        engine.connect_to(Endpoint(f"unix://{tmp_path}/none.sock", "a test"))
    assert error.value.exit_code == 60
    assert "No such file" in str(error.value)


def test_an_engine_elsewhere_is_refused_before_anything_starts(tmp_path: Path) -> None:
    """Its ports on 127.0.0.1 are not ours; the private folder is gone again."""
    far = Engine(Endpoint("tcp://10.0.0.9:2375", "a test"), cast(Any, _NoClient()), {})
    trial = Stack(stack.named("chat"), tmp_path, engine=far)
    with pytest.raises(EngineMissing, match="another machine"):
        trial.up()
    assert not trial.private.exists()


class _NoClient:
    """Has nothing on it, and can be asked for what is there."""

    def __getattr__(self, name: str) -> Any:
        return self

    def list(self, **_: Any) -> list[Any]:
        return []


def test_two_stacks_of_one_folder_have_different_names(tmp_path: Path) -> None:
    """They run side by side."""
    folder = stack.named("chat")
    assert Stack(folder, tmp_path).name != Stack(folder, tmp_path).name


def test_an_unknown_stack_lists_ours() -> None:
    """A wrong name is answered with the right ones."""
    with pytest.raises(NotFound, match="chat"):
        stack.named("chatt")


def test_a_path_leads_to_a_stack_of_the_users_own(tmp_path: Path) -> None:
    """A folder with both files is a stack, wherever it lies; half of one is not."""
    (tmp_path / "compose.yml").touch()
    with pytest.raises(DrillyardError):
        stack.named(str(tmp_path))
    (tmp_path / "inventory.yml").touch()
    assert stack.named(str(tmp_path)) == tmp_path


@pytest.mark.parametrize(
    ("info", "cgroup", "apparmor"),
    [
        ({"CgroupVersion": "2", "SecurityOptions": ["name=apparmor", "name=seccomp"]}, 2, True),
        ({"CgroupVersion": "1", "SecurityOptions": None}, 1, False),
        ({}, 1, False),
    ],
)
def test_traits_are_read_from_the_engines_own_word(info: dict[str, Any], cgroup: int, apparmor: bool) -> None:
    """An engine too old to name its cgroup version has version 1."""
    traits = Engine(Endpoint("unix:///x", "a test"), cast(Any, None), info).traits
    assert (traits.cgroup, traits.apparmor) == (cgroup, apparmor)
