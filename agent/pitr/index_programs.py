"""What `python -m agent.pitr` does about indexes, a function a verb: look, build again, prove, declare."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from agent.errors import BadInventory, NotFound
from agent.pitr.index_model import Declared, IndexProof, IndexReport, Rebuilt

if TYPE_CHECKING:
    from agent.pitr.programs import Spec

_HOW = "`drillyard mongodb indexes` writes that file from a server whose indexes are right."


def declared_in(file: str) -> dict[str, list[dict[str, Any]]]:
    """Return what a file declares: a JSON object of lists, by `database.collection`.

    It is MongoDB's extended JSON: a date of a partial index stays one ({"$date": ...}) and becomes no text.

    Raises:
        NotFound: there is no such file, or the inventory names none.
        BadInventory: it holds something else.
    """
    if not file:
        raise NotFound("Expected `indexes` in the inventory to name the file of declared indexes.", do=_HOW)
    try:
        text = Path(file).read_bytes()
    except OSError as error:
        raise NotFound(f"Expected the declared indexes in {file}: {error.strerror}.", do=_HOW) from None
    from bson.json_util import RELAXED_JSON_OPTIONS, loads

    try:
        told = loads(text.decode(), json_options=RELAXED_JSON_OPTIONS)
        return msgspec.convert(told, dict[str, list[dict[str, Any]]])
    except (msgspec.MsgspecError, ValueError, TypeError) as error:
        raise BadInventory(f"{file}: expected declared indexes by collection: {error}.", do=_HOW) from None


def declare(spec: Spec) -> Declared:
    """List every index there is, as a file declares them."""
    from bson.json_util import RELAXED_JSON_OPTIONS, dumps

    from agent.pitr.index_look import listed
    from agent.pitr.server import connect, words

    with words("The server"), connect(spec.uri) as client:
        found = listed(client)
    text = dumps(found, indent=2, json_options=RELAXED_JSON_OPTIONS) + "\n"
    return Declared(text, sum(map(len, found.values())), len(found))


def look(spec: Spec) -> IndexReport:
    """Hold the indexes against what was declared and against their data."""
    from agent.pitr.index_look import look as compare
    from agent.pitr.server import connect, words

    with words("The server"), connect(spec.into or spec.uri) as client:
        return compare(client, declared_in(spec.indexes))


def rebuild(spec: Spec) -> Rebuilt:
    """Build again what has to be, while reads and writes go on."""
    from agent.pitr.index_rebuild import rebuild as build
    from agent.pitr.server import connect, words

    with words("The server"):
        return build(lambda: connect(spec.into or spec.uri), declared_in(spec.indexes))


def prove(spec: Spec) -> IndexProof:
    """Prove that each is as declared, agrees with its data and answers its query."""
    from agent.pitr.index_proof import prove as prove_all
    from agent.pitr.server import connect, words

    with words("The server"), connect(spec.into or spec.uri) as client:
        return prove_all(client, declared_in(spec.indexes))


INDEX_PROGRAMS: Mapping[str, Callable[[Spec], Any]] = {
    "declare-indexes": declare,
    "look-at-indexes": look,
    "rebuild-indexes": rebuild,
    "prove-indexes": prove,
}
