"""AWS Secrets Manager: the address that an application reads there, switched to another and back again.

What speaks to AWS is a program on the tools host (`__main__.py`), whose role may update the secret; an
application only has to read it, once it is restarted. The value of before is kept in Secrets Manager itself,
under a label of ours that no rotation moves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from agent.providers.aws.settings import Aws
from agent.providers.aws.told import Held, Switched
from agent.providers.program import call
from agent.transport.ask import Action, Done

if TYPE_CHECKING:
    # Not for the program of the tools host, which would read an inventory's world for nothing.
    from agent.inventory.model import Service

__all__ = ["Held", "Switched"]


def look(service: Service, name: str = "mongo_uri", to: str = "spare_app_uri") -> Action[Held]:
    """Ask whether `name` in the secret is what the setting `to` says, and what of before is kept."""
    aws = Aws.of(service)
    secrets = {**aws.secrets, **aws.value(service, to)}
    return (yield from call(aws.program, "look", aws.spec(name=name), Held, secrets=secrets))


def switch(service: Service, name: str = "mongo_uri", to: str = "spare_app_uri") -> Action[Switched]:
    """Have `name` in the secret say what the service's setting `to` says; what was before is kept.

    The rest of the secret stays as it is. `name` is a field of a JSON object ("" = the whole secret). Asked
    again it changes nothing. Whoever reads the secret has to read it again: restart the application.
    """
    aws = Aws.of(service)
    return (
        yield from call(
            aws.program,
            "switch",
            aws.spec(name=name),
            Switched,
            secrets={**aws.secrets, **aws.value(service, to)},
            changes=f"sets {aws.said(name)} to {to}, and keeps what it was before",
            again="safe",
            supposing=_supposed(aws, name),
        )
    )


def switch_back(service: Service, name: str = "mongo_uri") -> Action[Switched]:
    """Have `name` in the secret say what it said before the last `switch`; asked again it changes nothing.

    Raises:
        NotFound: nothing of before is kept.
    """
    aws = Aws.of(service)
    return (
        yield from call(
            aws.program,
            "back",
            aws.spec(name=name),
            Switched,
            secrets=aws.secrets,
            changes=f"sets {aws.said(name)} to what it was before",
            again="safe",
            supposing=_supposed(aws, name),
        )
    )


def _supposed(aws: Aws, name: str) -> Done:
    return Done(0, msgspec.json.encode(Switched(aws.secret, name, True, "known only in the run")))
