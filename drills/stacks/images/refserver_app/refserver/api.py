"""The HTTP API: upload, list, search, download, /health."""

from __future__ import annotations

import os
import sqlite3
import time
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, JSONResponse

from . import health
from .errors import CannotWork, HelperDown, Unreadable
from .library import Library
from .rows import Row
from .settings import Settings

VERSION = "0.1.12"
AGAIN = 1.0
"""Seconds before data that could not be opened is tried again."""

Identity = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")]
Limit = Annotated[int, Query(ge=1, le=1000)]


class Service:
    """The library, as soon as it can be opened; until then, why not."""

    def __init__(self, settings: Settings) -> None:
        """Open it where that is possible; the service answers either way."""
        self.settings = settings
        self.why = ""
        self._library: Library | None = None
        self._tried = 0.0
        self.opened()

    def opened(self) -> Library | None:
        """Return the library, or None where it cannot be opened; `why` says why."""
        if self._library is None and time.monotonic() - self._tried > AGAIN:
            self._tried = time.monotonic()
            try:
                self._library = Library(self.settings)
                self.why = ""
            except CannotWork as error:
                self.why = str(error)
            except Exception as error:  # noqa: BLE001 - Chroma raises whatever its Rust side made of it
                self.why = f"{type(error).__name__}: {error}"[:300]
        return self._library

    def library(self) -> Library:
        """Return the library; raises CannotWork."""
        found = self.opened()
        if found is None:
            raise CannotWork(self.why)
        return found

    def close(self) -> None:
        """Let go of it."""
        if self._library is not None:
            self._library.close()


def create(service: Service) -> FastAPI:
    """Return the application."""
    app = FastAPI(title="RefServer", version=VERSION)

    def library() -> Library:
        return service.library()

    @app.exception_handler(CannotWork)
    @app.exception_handler(HelperDown)
    @app.exception_handler(sqlite3.Error)
    @app.exception_handler(OSError)
    async def cannot(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": f"{error}"[:300]}, status_code=503)

    @app.exception_handler(Unreadable)
    async def unreadable(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, status_code=422)

    @app.get("/health")
    def ask_health() -> JSONResponse:
        found = service.opened()
        report = health.of(found) if found else health.without(service.settings, service.why)
        return JSONResponse(report, status_code=503 if report["status"] == "down" else 200)

    @app.put("/documents/{identity}")
    async def put(identity: Identity, request: Request, name: str = "") -> JSONResponse:
        pdf = await request.body()
        if not pdf.startswith(b"%PDF-"):
            raise HTTPException(422, "Expected a PDF.")
        became = await run_in_threadpool(lambda: library().take_in(identity, name or identity, pdf))
        return JSONResponse({"id": identity, "state": became}, status_code=202 if became == "queued" else 201)

    @app.get("/documents")
    def list_documents(after: str = "", limit: Limit = 100) -> list[dict[str, Any]]:
        return library().rows.page(after, limit)

    @app.get("/documents/{identity}")
    def get(identity: Identity) -> Row:
        return _row(library(), identity)

    @app.get("/documents/{identity}/file")
    def download(identity: Identity) -> FileResponse:
        found = library()
        path = found.pdf(_row(found, identity))
        if not path.is_file() or not os.access(path, os.R_OK):
            raise CannotWork(f"the file of {identity} cannot be read")
        return FileResponse(path, media_type="application/pdf")

    @app.delete("/documents/{identity}")
    def remove(identity: Identity) -> Response:
        return Response(status_code=204 if library().remove(identity) else 404)

    @app.get("/search")
    def search(q: str, limit: Limit = 5) -> list[dict[str, Any]]:
        return library().find(q, limit)

    @app.get("/vectors")
    def vectors(offset: int = 0, limit: Limit = 500) -> list[dict[str, Any]]:
        return library().vectors.page(offset, limit)

    @app.get("/files")
    def files() -> list[str]:
        return sorted(path.name for path in library().settings.pdfs.iterdir() if path.suffix == ".pdf")

    @app.get("/queue")
    def queue() -> list[dict[str, Any]]:
        return [{"id": each.id, "name": each.name} for each in library().queue.entries()]

    return app


def _row(library: Library, identity: str) -> Row:
    row = library.rows.get(identity)
    if row is None:
        raise HTTPException(404, f"There is no document {identity}.")
    return row
