"""A structured variable of an inventory as a typed value, or a sentence that says where it is wrong."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from agent.errors import BadInventory
from agent.inventory.model import Where
from agent.secrets import Secret


class Variable:
    """One variable whose value has a shape: its name, its place, and what to do when it is wrong."""

    def __init__(self, name: str, at: Where, do: str = "") -> None:
        """`do` ends each sentence: the way on without this variable."""
        self._name = name
        self._at = at
        self._do = do

    def convert(self, data: object, kind: Any, place: str = "") -> Any:
        """Return `data` as a value of `kind`; `place` is which part of the variable it is.

        Raises:
            BadInventory: it has another shape, or a secret in it is written out.
        """
        try:
            return msgspec.convert(data, kind)
        except (msgspec.ValidationError, ValueError) as problem:
            said, _, path = str(problem).partition(" - at `$")
            where = (place + re.sub(r"\[\.\.\.\]", "", path.rstrip("`"))).strip(".")
            fields = {each.encode_name: each.type for each in msgspec.structs.fields(kind)}
            if fields.get(path.strip(".`")) in (Secret, Secret | None) and "required" not in said:
                raise BadInventory(
                    f"{self._at}: {self._name}: {where} is written out; a secret is expected as a reference.",
                    do="Write !env NAME, !file PATH or !command LINE in its place.",
                ) from None
            raise self.wrong(f"{where + ': ' if where else ''}{_plain(said)}.") from None

    def wrong(self, said: str) -> BadInventory:
        """Return the error that says so, with name and place."""
        return BadInventory(f"{self._at}: {self._name}: {said}", do=self._do)


def _plain(said: str) -> str:
    """Return msgspec's words without its quotes and names of types."""
    words = {"str": "text", "object": "a mapping", "array": "a list", "float": "a number", "int": "a number"}
    said = re.sub(r"`(str|object|array|float|int)`", lambda found: words[found[1]], said)
    said = said.replace("Object contains unknown field", "there is nothing called")
    said = said.replace("Object missing required field", "it lacks")
    return said[0].lower() + said[1:]
