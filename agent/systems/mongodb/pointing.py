"""Where an application reads its address of MongoDB, when that is a secret store: pointed there and back."""

from __future__ import annotations

from dataclasses import dataclass

from agent.errors import BadInventory, Usage
from agent.providers import aws
from agent.systems.mongodb.server import Mongodb
from agent.transport.ask import Action, Note

WAYS = ("environment", "secret")


@dataclass(frozen=True)
class Pointed:
    """The secret that tells the application its address ("" = none: its environment does).

    `changed` is False where it said so already; `kept` is the version of the secret of before.
    """

    where: str
    changed: bool = False
    kept: str = ""


def told_by(mongodb: Mongodb, by: str) -> Action[None]:
    """See that `by` is a way to tell an application its address.

    Raises:
        Usage: it is none: a page would go by it, switch nobody, and look well.
        BadInventory: it is `secret`, and no secret is named.
    """
    if by not in WAYS:
        raise Usage(f"Expected by={' or by='.join(WAYS)}, found by={by}.")
    if by == "secret" and mongodb.vaulted is None:
        yield from _nowhere(mongodb, needed=True)
    yield from ()


def point(mongodb: Mongodb, to: str, name: str, *, needed: bool) -> Action[Pointed]:
    """Have the secret say `to`."""
    if mongodb.vaulted is None:
        return (yield from _nowhere(mongodb, needed=needed))
    done = yield from aws.switch(mongodb.vaulted, name, to)
    return Pointed(done.secret, done.changed, done.kept)


def point_back(mongodb: Mongodb, name: str, *, needed: bool) -> Action[Pointed]:
    """Have the secret say what it said before."""
    if mongodb.vaulted is None:
        return (yield from _nowhere(mongodb, needed=needed))
    done = yield from aws.switch_back(mongodb.vaulted, name)
    return Pointed(done.secret, done.changed, done.kept)


def _nowhere(mongodb: Mongodb, *, needed: bool) -> Action[Pointed]:
    """Say that there is no secret.

    Raises:
        BadInventory: it is one that has to say another address, or the application would go on with this one.
    """
    if needed:
        raise BadInventory(
            f"{mongodb.host}: expected the secret that the application reads its address from "
            "(aws_secret_id), found none.",
            do="Add aws_secret_id and aws_region, or say by=environment where that has the address.",
        )
    yield Note("No secret store is named (aws_secret_id): the application is told by its environment.")
    return Pointed("")
