"""The routes: what a user may ask, and what is answered. Run it with `python -m chat serve`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException, Query, Request, Response, WebSocket
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, Field
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError

from . import metrics, passwords
from .health import checks, health
from .live import Live
from .sessions import Sessions, connect
from .settings import Settings
from .store import Document, Store, Taken

log = logging.getLogger("chat")
GREETING_SECONDS = 5.0  # how long a WebSocket may take to say whose it is
HISTORY = 1000  # messages a page or an import has at most

Room = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]


class NewUser(BaseModel):
    """Who wants to be a user."""

    email: str = Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)
    name: str = Field(min_length=1, max_length=80)
    password: str = Field(min_length=8, max_length=200)


class Login(BaseModel):
    """Who says that he is one."""

    email: str = Field(max_length=254)
    password: str = Field(max_length=200)


class Members(BaseModel):
    """Who shall be in a room, besides whoever makes it."""

    members: list[str] = Field(default=[], max_length=100)


class Topic(BaseModel):
    """What a room is about."""

    topic: str = Field(max_length=500)


class NewMessage(BaseModel):
    """What somebody says."""

    text: str = Field(min_length=1, max_length=4000)


class OldMessage(NewMessage):
    """What somebody said elsewhere, and when."""

    created_at: AwareDatetime = Field(alias="createdAt")


class Import(BaseModel):
    """Messages brought from elsewhere."""

    messages: list[OldMessage] = Field(min_length=1, max_length=HISTORY)


@contextlib.asynccontextmanager
async def _living(app: FastAPI) -> AsyncIterator[None]:
    """Start without asking anything of a dependency: one that is down is told by /health, not by a crash."""
    settings = Settings.of()
    metrics.begin()
    redis = connect(settings)
    state = app.state
    state.settings, state.redis, state.store = settings, redis, Store(settings)
    state.sessions, state.live = Sessions(redis, settings.token_seconds), Live(redis)
    listening = asyncio.create_task(state.live.listen())
    try:
        yield
    finally:
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening
        await state.store.close()
        await redis.aclose()


app = FastAPI(title="Chat", lifespan=_living)
app.add_middleware(metrics.Measured)


@app.exception_handler(PyMongoError)
@app.exception_handler(RedisError)
async def _dependency(request: Request, error: Exception) -> JSONResponse:
    """Tell users which dependency failed and the log how: its words may name hosts."""
    name = "mongodb" if isinstance(error, PyMongoError) else "redis"
    log.error("%s %s: %s: %s: %.300s", request.method, request.url.path, name, type(error).__name__, error)
    return JSONResponse({"detail": f"{name} does not answer as it should"}, 503)


async def _me(request: Request, authorization: Annotated[str, Header()] = "") -> str:
    """Return whose request it is."""
    kind, _, token = authorization.partition(" ")
    user = await request.app.state.sessions.user(token) if kind.lower() == "bearer" and token else None
    if user is None:
        raise HTTPException(401, "Log in first: the token is missing, unknown or expired.")
    return str(user)


Me = Annotated[str, Depends(_me)]


async def _room_of(request: Request, room: Room, me: Me) -> Document:
    """Return the room of the path, where whoever asks is a member of it."""
    found: Document | None = await request.app.state.store.room(room)
    if found is None or me not in found["members"]:
        raise HTTPException(404, "You are in no such room.")
    return found


InRoom = Annotated[Document, Depends(_room_of)]


@app.get("/health")
async def get_health(request: Request) -> JSONResponse:
    """Say whether users are served: 200, or 503 naming the dependency that fails."""
    state = request.app.state
    asked = checks(state.store, state.redis)
    found = await health(asked, state.settings.dependency)
    for name in asked:
        metrics.DEPENDENCY.labels(name).set(name not in found.get("failed", {}))
    return JSONResponse(found, 200 if found["ok"] else 503)


@app.get("/metrics")
async def get_metrics(request: Request) -> Response:
    """Tell Prometheus."""
    metrics.LISTENERS.set(request.app.state.live.listeners)
    return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


@app.get("/stats", dependencies=[Depends(_me)])
async def get_stats(request: Request) -> dict[str, int]:
    """Count users, rooms and messages."""
    counts: dict[str, int] = await request.app.state.store.counts()
    return counts


@app.post("/users", status_code=201)
async def post_user(request: Request, wanted: NewUser) -> dict[str, str]:
    """Make a user."""
    kept = await asyncio.to_thread(passwords.hashed, wanted.password)
    try:
        user = await request.app.state.store.add_user(wanted.email.lower(), wanted.name, kept)
    except Taken:
        raise HTTPException(409, "Somebody has that e-mail address already.") from None
    return {"id": str(user["_id"]), "name": user["name"]}


@app.post("/sessions", status_code=201)
async def post_session(request: Request, login: Login) -> dict[str, Any]:
    """Log in; the token is good until nobody has used it for `expiresIn` seconds."""
    state = request.app.state
    user = await state.store.user(login.email.lower())
    right = await asyncio.to_thread(
        passwords.matches, login.password, user["password"] if user else passwords.NOBODY
    )
    if user is None or not right:
        raise HTTPException(401, "E-mail address or password is wrong.")
    token = await state.sessions.open(str(user["_id"]))
    return {"token": token, "userId": str(user["_id"]), "expiresIn": state.settings.token_seconds}


@app.delete("/sessions", status_code=204, dependencies=[Depends(_me)])
async def delete_session(request: Request, authorization: Annotated[str, Header()] = "") -> None:
    """Log out."""
    await request.app.state.sessions.close(authorization.partition(" ")[2])


@app.get("/rooms")
async def get_rooms(request: Request, me: Me) -> list[dict[str, Any]]:
    """List my rooms, with how much I have not read."""
    state = request.app.state
    rooms, unread = await asyncio.gather(state.store.rooms(me), state.sessions.unread(me))
    return [{**_room(room), "unread": unread.get(room["_id"], 0)} for room in rooms]


@app.put("/rooms/{room}")
async def put_room(request: Request, room: Room, wanted: Members, me: Me) -> dict[str, Any]:
    """Make a room of that name, or find that I am in it; safe to repeat."""
    members = list(dict.fromkeys([me, *wanted.members]))
    try:
        return _room(await request.app.state.store.put_room(room, members))
    except Taken:
        raise HTTPException(409, "There is a room of that name, and you are not in it.") from None


@app.put("/rooms/{room}/topic", status_code=204)
async def put_topic(request: Request, found: InRoom, wanted: Topic) -> None:
    """Say what a room is about."""
    await request.app.state.store.set_topic(found["_id"], wanted.topic)


@app.post("/rooms/{room}/messages", status_code=201)
async def post_message(request: Request, found: InRoom, wanted: NewMessage, me: Me) -> dict[str, Any]:
    """Send a message: stored first, then handed to whoever listens."""
    stored = await request.app.state.store.add_messages(found["_id"], me, [(wanted.text, datetime.now(UTC))])
    metrics.MESSAGES.inc()
    await _hand_on(request, found, me, stored)
    return _message(stored[0])


@app.post("/rooms/{room}/import", status_code=201)
async def post_import(request: Request, found: InRoom, wanted: Import, me: Me) -> dict[str, int]:
    """Bring messages from elsewhere, with their times; nobody is told of them live."""
    said = [(message.text, message.created_at) for message in wanted.messages]
    await request.app.state.store.add_messages(found["_id"], me, said)
    metrics.MESSAGES.inc(len(said))
    return {"stored": len(said)}


@app.get("/rooms/{room}/messages")
async def get_messages(
    request: Request,
    found: InRoom,
    before: AwareDatetime | None = None,
    limit: Annotated[int, Query(ge=1, le=HISTORY)] = 50,
) -> list[dict[str, Any]]:
    """Return a page of a room's messages, the newest first; go on with the last one's time as `before`."""
    page = await request.app.state.store.history(found["_id"], before, limit)
    return [_message(message) for message in page]


@app.post("/rooms/{room}/read", status_code=204)
async def post_read(request: Request, found: InRoom, me: Me) -> None:
    """Note that I have read everything in a room."""
    await request.app.state.sessions.read(me, found["_id"])


@app.websocket("/ws")
async def listen(socket: WebSocket) -> None:
    """Hear what happens in my rooms. The first thing said is `{"token": …}`, so that no log has it."""
    state = socket.app.state
    await socket.accept()
    try:
        said = await asyncio.wait_for(socket.receive_json(), GREETING_SECONDS)
        user = await state.sessions.user(str(said["token"]))
    # A client that says nothing, nonsense or goodbye, and a Redis that cannot tell who it is, end alike.
    except (TimeoutError, ValueError, KeyError, TypeError, RuntimeError, RedisError):
        user = None
    if user is None:
        with contextlib.suppress(RuntimeError):
            await socket.close(4401, 'Say {"token": ...} first.')
        return
    await socket.send_json({"type": "ready", "process": os.getpid()})
    await state.live.serve(socket, user)


async def _hand_on(request: Request, room: Document, sender: str, stored: list[Document]) -> None:
    """Tell listeners and count what others have not read; a message that is stored is sent, come what may."""
    state = request.app.state
    others = [member for member in room["members"] if member != sender]
    try:
        for message in stored:
            event = {"type": "message", "message": _message(message)}
            await state.live.publish(room["_id"], room["members"], event)
        await state.sessions.missed(others, room["_id"], len(stored))
    except RedisError as error:
        metrics.UNDELIVERED.inc(len(stored))
        log.warning("stored and not handed on live: redis: %s", type(error).__name__)


def _room(room: Document) -> dict[str, Any]:
    return {"id": room["_id"], "topic": room.get("topic", ""), "members": room["members"]}


def _message(message: Document) -> dict[str, Any]:
    return {
        "id": str(message["_id"]),
        "room": message["roomId"],
        "sender": message["senderId"],
        "text": message["text"],
        "createdAt": _millis(message["createdAt"]),
    }


def _millis(when: datetime) -> str:
    # MongoDB keeps milliseconds: what is told must be what will be read back.
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
