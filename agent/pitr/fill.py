"""A target is filled: collections with their options, documents in parallel, then indexes, views last."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from pymongo.errors import OperationFailure

from agent.pitr.catalog import EXTERNAL, VIEW, Spec, accounts
from agent.pitr.crew import Crew
from agent.pitr.lives import Life
from agent.pitr.load import Loader, build_indexes, create
from agent.pitr.merge import Piece, Tally
from agent.pitr.plan import Plan
from agent.pitr.server import Client, connect, words


@dataclass(frozen=True)
class Filled:
    """What is in the target now."""

    tally: Tally
    indexes: int
    counts: dict[str, int]

    @property
    def bytes(self) -> int:
        """Bytes of all documents."""
        return sum(self.tally.sizes.values())


def fill(into: str, plan: Plan, pieces: Sequence[Piece], hands: int) -> Filled:
    """Bring every collection of a plan to a server that has none of them.

    Raises:
        StepFailed: the server did not take something; it is half filled then.
        Unreachable: it did not answer, again and again.
    """
    lives = sorted(plan.lives.values(), key=lambda life: (life.kind == VIEW, life.namespace))
    real = [life for life in lives if life.kind != VIEW]
    _each(into, real, create, hands)
    # No connection is open while the processes of the crew are made.
    with Crew(plan, partial(Loader, into), hands) as crew:
        tally = crew.merge(pieces, plan.buckets)
    indexes = sum(_each(into, real, build_indexes, hands))
    _each(into, lives[len(real) :], create, 1)
    counts = {life.namespace: tally.documents[life.n] for life in real}
    return Filled(tally, indexes, counts)


def _each(into: str, lives: Sequence[Life], work: Any, hands: int) -> list[Any]:
    client = connect(into, 30)
    try:
        with words("The target"), ThreadPoolExecutor(hands) as pool:
            return list(pool.map(partial(work, client), lives))
    finally:
        client.close()


def give_accounts(client: Client, known: dict[str, list[Spec]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Make the roles that the target lacks, and users without a password; return the others, and what failed.

    No command of a server takes a password as another has kept it, so whoever has one is named and not made.
    """
    there = accounts(client)
    warnings = []
    for role in _lacking(known, there, "roles", "role"):
        if role.get("isBuiltin"):
            continue
        try:
            client[role["db"]].command(
                "createRole", role["role"], privileges=role.get("privileges", []), roles=role.get("roles", [])
            )
        except OperationFailure as error:
            warnings.append(f"role {role['role']}@{role['db']} was not made: {error.details or error}")
    users = _lacking(known, there, "users", "user")
    for user in [each for each in users if each["db"] == EXTERNAL]:
        try:
            client[EXTERNAL].command("createUser", user["user"], roles=user.get("roles", []))
            users.remove(user)
        except OperationFailure as error:
            warnings.append(f"user {user['user']}@{EXTERNAL} was not made: {error.details or error}")
    return tuple(sorted(f"{each['user']}@{each['db']}" for each in users)), tuple(warnings)


def _lacking(known: dict[str, list[Spec]], there: dict[str, list[Spec]], what: str, name: str) -> list[Spec]:
    have = {(each["db"], each[name]) for each in there.get(what, [])}
    return [each for each in known.get(what, []) if (each["db"], each[name]) not in have]
