"""What the RefServer subject uploads, and how it tells a whole document from a torn one."""

from __future__ import annotations

import httpx
import pytest

from drills.stacks.images.refserver_app.standins.embedding import embedding
from drills.stacks.images.refserver_app.standins.huridocs import segments
from drills.subjects.refserver import RefServer, _read, make_pdf, word_of

SUBJECT = RefServer("http://127.0.0.1:1", preload_count=10)


def test_a_write_is_the_same_every_time() -> None:
    """And another for another number or seed."""
    assert SUBJECT.plan(7) == RefServer("http://x", preload_count=10).plan(7)
    assert SUBJECT.plan(7).content != SUBJECT.plan(8).content
    assert SUBJECT.plan(7).content != RefServer("http://x", seed=2, preload_count=10).plan(7).content


def test_the_stand_in_reads_our_pdfs() -> None:
    """Its own word is found in the text, and the embedding has length one."""
    found = segments(SUBJECT.pdf(3))
    assert word_of(3) in str(found[0]["text"])
    assert found[0]["page_number"] == 1
    assert sum(number**2 for number in embedding(str(found[0]["text"]))) == pytest.approx(1)


def served(
    rows: list[dict[str, object]], vectors: list[dict[str, object]], files: dict[str, bytes]
) -> httpx.Client:
    """A client of a service that holds this."""

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == "/documents":
            return httpx.Response(200, json=rows if not request.url.params["after"] else [])
        if path == "/vectors":
            return httpx.Response(200, json=vectors if request.url.params["offset"] == "0" else [])
        if path == "/files":
            return httpx.Response(200, json=sorted(files))
        file = next(row["file"] for row in rows if f"/documents/{row['id']}/file" == path)
        return httpx.Response(200, content=files[str(file)]) if file in files else httpx.Response(503)

    return httpx.Client(transport=httpx.MockTransport(answer), base_url="http://x")


def whole() -> tuple[list[dict[str, object]], list[dict[str, object]], dict[str, bytes]]:
    """One whole document, as each side has it."""
    import hashlib

    pdf = make_pdf("alpha")
    sha256 = hashlib.sha256(pdf).hexdigest()
    row = {"id": "a", "file": "a.pdf", "sha256": sha256}
    return [row], [{"id": "a", "vector": embedding("alpha"), "sha256": sha256}], {"a.pdf": pdf}


def test_a_whole_document_is_found() -> None:
    """With the hash of what was uploaded."""
    rows, vectors, files = whole()
    found = _read(served(rows, vectors, files))
    assert set(found.contents) == {"a"}
    assert not found.contents["a"][0].startswith("torn")


def test_each_side_that_is_missing_or_wrong_shows() -> None:
    """A row without its vector or file, a vector of another version or of zeros, another file."""
    for spoil in ("vector", "file", "old vector", "zeros", "other file"):
        rows, vectors, files = whole()
        match spoil:
            case "vector":
                vectors.clear()
            case "file":
                files.clear()
            case "old vector":
                vectors[0]["sha256"] = "0" * 64
            case "zeros":
                vectors[0]["vector"] = [0.0] * 64
            case _:
                files["a.pdf"] = make_pdf("beta")
        assert _read(served(rows, vectors, files)).contents["a"][0].startswith("torn"), spoil


def test_the_probes_own_document_is_left_out() -> None:
    """It changes while it is read: a torn one proves nothing."""
    rows, vectors, files = whole()
    rows.append({"id": "probe", "file": "probe-1.pdf", "sha256": "0"})
    files["probe-2.pdf"] = b""
    assert set(_read(served(rows, vectors, files)).contents) == {"a"}


def test_strays_are_named() -> None:
    """A vector or a file without a row is invented by nobody."""
    rows, vectors, files = whole()
    vectors.append({"id": "b", "vector": embedding("b"), "sha256": ""})
    files["c.pdf"] = b""
    found = _read(served(rows, vectors, files))
    assert set(found.contents) == {"a", "stray-vector-b", "stray-file-c.pdf"}
