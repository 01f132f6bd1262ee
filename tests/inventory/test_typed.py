"""A structured variable is a typed value, or a sentence with file, line and the part that is wrong."""

import pytest
from msgspec import Struct

from agent.errors import BadInventory
from agent.inventory import Where
from agent.inventory.typed import Variable
from agent.secrets import Secret


class Shape(Struct, frozen=True, forbid_unknown_fields=True):
    """Something a variable may be."""

    count: int
    names: tuple[str, ...] = ()
    password: Secret | None = None


SHAPE = Variable("shape", Where("vars.yml", 3), "Mend it.")


def test_a_sound_value():
    """It becomes what it is; a secret stays a reference."""
    found = SHAPE.convert({"count": 2, "password": Secret("env", "P")}, Shape)
    assert (found.count, found.names, found.password) == (2, (), Secret("env", "P"))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"count": "2"}, "part.count: expected a number, got text."),
        ({}, "part: it lacks `count`."),
        ({"count": 2, "nmaes": []}, "part: there is nothing called `nmaes`."),
        ({"count": 2, "names": "a"}, "part.names: expected a list, got text."),
        ({"count": 2, "password": "hunter2"}, "part.password is written out"),
    ],
)
def test_a_wrong_value_is_named(data, said):
    """No word of the library that decodes it, and no secret."""
    with pytest.raises(BadInventory) as refused:
        SHAPE.convert(data, Shape, "part")
    assert str(refused.value).startswith(f"vars.yml:3: shape: {said}")
    assert "hunter2" not in str(refused.value)
    assert "Struct" not in str(refused.value)
