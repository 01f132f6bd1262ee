"""RefServer as its users see it: they upload, search, download; row, vector and file must agree."""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

import httpx

from drills.rig.subject import Intent, NotAcknowledged, Observed, ProbeFailed, content_hash

TIMEOUT = 3.0  # seconds a write or a look waits at most for each answer
BULK_TIMEOUT = 30.0
PAGE = 500
CHANGED = 20  # documents that are replaced again and again
DRAINED = 60.0  # seconds until what waited must have become documents, once its helper is back
PROBE = "probe"
PHRASE = 12  # words a search has: enough that no other document of random words comes near
_STRAY = "stray"
_pause = threading.Event()


@dataclass(frozen=True)
class RefServer:
    """The service at `url`. Write number n is always the same for the same `seed` and `preload_count`.

    Writes are drawn from: a document that was not there (lost, it shows), and a new version of one of a few
    (an older one, it shows). A look is a good one where a document of long ago is found by its words and its
    file is byte for byte what was uploaded, and one uploaded just now is found and read too.
    """

    url: str
    seed: int = 1
    preload_count: int = 200
    words: int = 30
    name: str = "refserver"

    def plan(self, seq: int) -> Intent:
        """Return the write of that number."""
        content = content_hash(self.pdf(seq))
        number = int(content[:8], 16)
        if seq < self.preload_count or number % 100 < 80:
            return Intent(f"doc-{seq:07d}", "upload", content)
        return Intent(f"changed-{number // 100 % CHANGED:03d}", "replace", content)

    def text(self, seq: int) -> str:
        """Return what document number `seq` says; its own word comes first."""
        filling = hashlib.shake_128(f"{self.seed}:{seq}".encode()).hexdigest(self.words * 3)
        return " ".join([word_of(seq), *(filling[at : at + 6] for at in range(0, len(filling), 6))])

    def phrase(self, seq: int) -> str:
        """Return how document number `seq` begins: what a user who remembers it would search for."""
        return " ".join(self.text(seq).split()[:PHRASE])

    def pdf(self, seq: int) -> bytes:
        """Return document number `seq`."""
        return make_pdf(self.text(seq))

    def hand(self) -> RefServerHand:
        """Return a new client."""
        return RefServerHand(self)

    def client(self, timeout: float = TIMEOUT) -> httpx.Client:
        """Return a client that never sends anything twice by itself."""
        return httpx.Client(base_url=self.url, timeout=timeout, trust_env=False)

    def health(self) -> dict[str, Any]:
        """Return what /health says, whatever its status; raises ProbeFailed where nothing answers."""
        try:
            with self.client(BULK_TIMEOUT) as client:
                said: dict[str, Any] = client.get("/health").json()
        except (httpx.HTTPError, ValueError) as error:
            raise ProbeFailed(_said(error)) from None
        return said

    def preload(self, first: int, count: int) -> Iterator[tuple[list[int], list[Intent], float]]:
        """Upload `count` documents one by one."""
        with self.client(BULK_TIMEOUT) as client:
            for seq in range(first, first + count):
                intent, sent = self.plan(seq), monotonic()
                try:
                    upload(client, intent.key, self.pdf(seq))
                except (httpx.HTTPError, NotAcknowledged) as error:
                    raise ProbeFailed(f"It could not be loaded: {_said(error)}") from None
                yield [seq], [intent], sent

    def read_back(self) -> Observed:
        """Read every document: its row, its vector and its file; what belongs to none is a stray."""
        end = monotonic() + DRAINED
        while self.health().get("queue") and monotonic() < end:
            _pause.wait(0.2)
        try:
            with self.client(BULK_TIMEOUT) as client:
                return _read(client)
        except (httpx.HTTPError, KeyError, ValueError) as error:
            raise ProbeFailed(f"It could not be read back: {_said(error)}") from None

    def versions(self) -> Mapping[str, str]:
        """Return the versions of the service and of the client we speak to it with."""
        with self.client(BULK_TIMEOUT) as client:
            service = client.get("/openapi.json").json()["info"]["version"]
        return {"refserver": service, "httpx": httpx.__version__}


class RefServerHand:
    """What one thread does as a user of the service."""

    def __init__(self, subject: RefServer) -> None:
        """Speak to `subject`, from the first write or look on."""
        self._subject = subject
        self._client = subject.client()

    def write(self, seq: int, intent: Intent) -> None:
        """Upload the document of that number; one that waits for a helper is acknowledged too."""
        try:
            upload(self._client, intent.key, self._subject.pdf(seq))
        except httpx.HTTPError as error:
            raise NotAcknowledged(_said(error)) from None

    def probe(self, n: int) -> None:
        """Find a document of long ago and read it; upload one, find it and read it."""
        count = self._subject.preload_count
        try:
            if count:
                seq = n * 7919 % count
                self._found(self._subject.phrase(seq), f"doc-{seq:07d}", self._subject.pdf(seq))
            mine = make_pdf(f"probe{n} {hashlib.blake2b(f'{n}'.encode()).hexdigest()[:40]}")
            if upload(self._client, PROBE, mine) != "stored":
                raise ProbeFailed("what was just uploaded waits for a helper")
            self._found(f"probe{n}", PROBE, mine)
        except (httpx.HTTPError, NotAcknowledged) as error:
            raise ProbeFailed(_said(error)) from None

    def _found(self, words: str, identity: str, pdf: bytes) -> None:
        answer = self._client.get("/search", params={"q": words, "limit": 5})
        if answer.status_code != 200:
            raise ProbeFailed(f"a search is answered {answer.status_code}: {answer.text[:120]}")
        if identity not in [each["id"] for each in answer.json()]:
            raise ProbeFailed(f"{identity} is not found by its own words")
        answer = self._client.get(f"/documents/{identity}/file")
        if answer.status_code != 200:
            raise ProbeFailed(f"{identity} is answered {answer.status_code}: {answer.text[:120]}")
        if answer.content != pdf:
            raise ProbeFailed(f"{identity} is not what was uploaded")

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()


def upload(client: httpx.Client, identity: str, pdf: bytes) -> str:
    """Upload a document and return `stored`, or `queued`.

    Raises:
        NotAcknowledged: it was answered with anything else than 201 or 202.
    """
    answer = client.put(f"/documents/{identity}", content=pdf, headers={"Content-Type": "application/pdf"})
    if answer.status_code not in (201, 202):
        raise NotAcknowledged(f"{answer.status_code}: {answer.text[:120]}")
    return str(answer.json()["state"])


def make_pdf(text: str) -> bytes:
    """Return a small valid PDF of one page that says `text`, which has no brackets or backslashes."""
    shown = f"BT /F1 10 Tf 36 756 Td ({text}) Tj ET".encode()
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources 6 0 R >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(shown), shown),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Font << /F1 5 0 R >> >>",
    )
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    tail = b"trailer\n<< /Size 7 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(out)
    return out + b"xref\n0 7\n0000000000 65535 f \n" + table + tail


def word_of(seq: int) -> str:
    """Return the word that only document number `seq` has."""
    return f"document{seq:07d}"


def _read(client: httpx.Client) -> Observed:
    # The probe goes on with its own document meanwhile: of that one no two sides are of one moment.
    rows = {row["id"]: row for row in _rows(client) if row["id"] != PROBE}
    vectors = {vector["id"]: vector for vector in _vectors(client) if vector["id"] != PROBE}
    listed = client.get("/files").raise_for_status().json()
    files = {file for file in listed if not file.startswith(f"{PROBE}-")}
    contents: dict[str, tuple[str, ...]] = {}
    size = 0
    for identity, row in rows.items():
        answer = client.get(f"/documents/{identity}/file")
        pdf = answer.content if answer.status_code == 200 else b""
        size += len(pdf)
        vector = vectors.get(identity)
        whole = _whole(row, vector, pdf)
        contents[identity] = (content_hash(pdf) if whole else f"torn: {row['sha256'][:12]}",)
    for identity in vectors.keys() - rows.keys():
        contents[f"{_STRAY}-vector-{identity}"] = ("a vector without a row",)
    for file in files - {row["file"] for row in rows.values()}:
        contents[f"{_STRAY}-file-{file}"] = ("a file without a row",)
    return Observed(contents, len(rows), size)


def _whole(row: Mapping[str, Any], vector: Mapping[str, Any] | None, pdf: bytes) -> bool:
    """Whether the three sides of a document are there and agree."""
    same = hashlib.sha256(pdf).hexdigest() == row["sha256"]
    if not same or vector is None or vector.get("sha256") != row["sha256"]:
        return False
    return math.isclose(sum(number * number for number in vector["vector"]), 1.0, abs_tol=1e-3)


def _rows(client: httpx.Client) -> Iterator[dict[str, Any]]:
    after = ""
    page: list[dict[str, Any]] = [{}]
    while page:
        answer = client.get("/documents", params={"after": after, "limit": PAGE}).raise_for_status()
        page = answer.json()
        yield from page
        after = page[-1]["id"] if page else after


def _vectors(client: httpx.Client) -> Iterator[dict[str, Any]]:
    offset = 0
    page: list[dict[str, Any]] = [{}]
    while page:
        answer = client.get("/vectors", params={"offset": offset, "limit": PAGE}).raise_for_status()
        page = answer.json()
        yield from page
        offset += len(page)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:160]


__all__ = ["RefServer", "RefServerHand", "make_pdf", "upload", "word_of"]
