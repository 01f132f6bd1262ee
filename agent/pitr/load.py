"""Documents into a server: as they are, in batches, again where the connection broke; indexes afterwards."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo.errors import AutoReconnect, PyMongoError

from agent.errors import StepFailed
from agent.pitr.catalog import VIEW, Spec
from agent.pitr.lives import Life, create_options
from agent.pitr.server import RAW, Client, connect, words

BATCH, SIZE = 2_000, 6 << 20
_TRIES = 6
_DUPLICATE, _EXISTS = 11000, 48
_ASKED = 100


class Passed(RawBSONDocument):
    """Documents one behind the other that go into a command as the bytes they are.

    The driver takes them for one and never looks in: on the wire (OP_MSG, a document sequence) there is no
    difference, and nothing is done for each of them.
    """

    __slots__ = ("_bytes",)

    def __init__(self, raw: bytes) -> None:
        """`raw` is taken on trust."""
        self._bytes = raw

    @property
    def raw(self) -> bytes:
        """Its bytes."""
        return self._bytes


class Loader:
    """A sink that is a server."""

    def __init__(self, uri: str) -> None:
        """It is connected to when the first documents come, in the process they come in."""
        self._uri = uri
        self._client: Client | None = None
        self._quiet = threading.Event()

    @property
    def client(self) -> Client:
        """The connection."""
        if self._client is None:
            self._client = connect(self._uri, 30, retryWrites=False)
        return self._client

    def take(self, life: Life, documents: list[bytes]) -> None:
        """Insert documents of a collection.

        Raises:
            StepFailed: the server refused one.
            Unreachable: it did not answer, again and again.
        """
        with words("The target"):
            for batch in batches(documents):
                self._insert(life, batch)

    def told(self) -> None:
        """There is nothing to say: what was taken is there."""

    def _insert(self, life: Life, batch: list[bytes]) -> None:
        command = {
            "insert": life.name,
            "documents": [Passed(b"".join(batch))],
            "ordered": False,
            "bypassDocumentValidation": True,
        }
        for left in range(_TRIES - 1, -1, -1):
            try:
                reply = self.client[life.db].command(command)
            except AutoReconnect:
                if not left:
                    raise
                # Some of it may have arrived: that shows as duplicates, which are compared.
                self._quiet.wait(0.2 * (_TRIES - left))
                continue
            self._judge(life, batch, reply)
            return

    def _judge(self, life: Life, batch: list[bytes], reply: dict[str, Any]) -> None:
        errors = reply.get("writeErrors", [])
        duplicates = [batch[each["index"]] for each in errors if each["code"] == _DUPLICATE]
        others = [each for each in errors if each["code"] != _DUPLICATE]
        if others or "writeConcernError" in reply:
            said = others[0]["errmsg"] if others else reply["writeConcernError"]["errmsg"]
            raise StepFailed(f"{life.namespace}: the target did not take a document: {said}.")
        if duplicates and not self._all_there(life, duplicates):
            raise StepFailed(
                f"{life.namespace}: the target holds another document with the same _id: somebody else "
                "writes to it, or it has a unique index already.",
                do="Restore into a server that nobody uses.",
            )

    def _all_there(self, life: Life, documents: list[bytes]) -> bool:
        """Return whether the server holds these very documents."""
        database: Any = self.client[life.db]
        collection = database.get_collection(life.name, codec_options=RAW)
        for start in range(0, len(documents), _ASKED):
            wanted = documents[start : start + _ASKED]
            ids = [RawBSONDocument(each)["_id"] for each in wanted]
            found = {bytes(each.raw) for each in collection.find({"_id": {"$in": ids}})}
            if not found.issuperset(wanted):
                return False
        return True

    def close(self) -> None:
        """Let go of the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None


def batches(documents: list[bytes]) -> Iterator[list[bytes]]:
    """Yield documents in batches that one command can carry."""
    start = size = 0
    for n, each in enumerate(documents):
        if n - start >= BATCH or (size + len(each) > SIZE and n > start):
            yield documents[start:n]
            start, size = n, 0
        size += len(each)
    if start < len(documents):
        yield documents[start:]


def create(client: Client, life: Life) -> None:
    """Make a collection or view with its options; one that is there already is left as it is."""
    try:
        client[life.db].command({"create": life.name, **create_options(life)})
    except PyMongoError as error:
        if getattr(error, "code", None) != _EXISTS:
            raise


def build_indexes(client: Client, life: Life) -> int:
    """Build all indexes of a collection in one go; return their number."""
    specs: list[Spec] = [_whole(each) for each in life.indexes.values()]
    if specs and life.kind != VIEW:
        client[life.db].command({"createIndexes": life.name, "indexes": specs})
    return len(specs)


def _whole(index: Spec) -> Spec:
    return {key: value for key, value in index.items() if key not in ("ns", "background")}
