"""What a `!stack` text of an inventory template may name: ports, containers, secrets, the private folder."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent.errors import BadInventory

_WORD = re.compile(r"\{([^{}]*)\}")


def us() -> str:
    """Return whoever runs this as UID:GID."""
    return f"{os.getuid()}:{os.getgid()}"


@dataclass(frozen=True)
class Said:
    """A text with everything put in, and whether it holds a secret."""

    text: str
    secret: bool


@dataclass(frozen=True)
class Words:
    """What was chosen when the stack was started.

    `ports` are each host's container ports and the ports of 127.0.0.1 behind which they lie, `containers`
    the engine's names. In a text: `{port:mongo1:27017}`, `{container:mongo1}`, `{secret:mongo_password}`,
    `{private}`, the folder of mode 0700 that is gone with the stack, `{user}`, us as UID:GID, and `{python}`,
    the Python that we run on.
    """

    ports: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    containers: Mapping[str, str] = field(default_factory=dict)

    def put_into(self, text: str, private: Path) -> Said:
        """Return `text` with what its words name; `private` holds the secrets.

        Raises:
            BadInventory: it names something that is not in the stack.
        """
        known = {"private": str(private), "user": us(), "python": sys.executable}
        known |= {f"container:{host}": name for host, name in self.containers.items()}
        known |= {
            f"port:{host}:{inner}": str(outer)
            for host, chosen in self.ports.items()
            for inner, outer in chosen.items()
        }
        secret = False

        def meant(found: re.Match[str]) -> str:
            nonlocal secret
            kind, _, name = found[1].partition(":")
            file = private / name
            if kind == "secret" and name and file.is_file():
                secret = True
                return file.read_text()
            if found[1] not in known:
                raise BadInventory(
                    f"The stack's inventory names {found[0]}; the stack has {', '.join(sorted(known))}, "
                    "and {secret:NAME} for each secret of its compose file."
                )
            return known[found[1]]

        return Said(_WORD.sub(meant, text), secret)
