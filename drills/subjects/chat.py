"""The chat service as its users see it: they log in, send, hear each other, and read what was said."""

from __future__ import annotations

import hashlib
import json
import secrets
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from time import monotonic
from typing import Any

import httpx
import websockets
from websockets.sync.client import ClientConnection, connect

from drills.rig.subject import Intent, NotAcknowledged, Observed, ProbeFailed, content_hash

TIMEOUT = 1.0  # seconds a write or a look waits at most for each answer
BULK_TIMEOUT = 30.0
ROOM = 100  # messages before the next room is begun
TOPICS = 20  # rooms whose topic is changed again and again
PAGE = 1000
LOGIN_EVERY = 50  # looks before the probe logs in anew
KNOWN = 20  # messages of an earlier time that each look reads
PROBE_ROOM = "probe"
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_TRIES = 30  # connections made until one leads to another process

Answer = dict[str, Any]


@dataclass
class Seat:
    """Which process answers the writer, as far as it is known."""

    process: str = ""


@dataclass(frozen=True)
class ChatSubject:
    """The chat API at `url`. Write number n is always the same for the same `seed` and `preload`.

    `authority` is the PEM text of who has signed its certificate ("" where the address is plain http). The
    first `preload` numbers are imported a room at a time before the strike. Writes after them are drawn
    from: a message to a room that fills up (lost, doubled or out of order, it shows), and a new topic for one
    of a few rooms (an older one, it shows). A look is a good one where what was said before is read, and what
    one user sends is heard by another who is connected to another of `processes` processes.

    A connection stays with the process that took it, and the one that has the looks to answer is slower, by a
    tenth to a third where it was measured. So looks keep to another process than the writer's, where there is
    one: else chance decided how fast writes are.
    """

    url: str
    authority: str = field(default="", repr=False)
    seed: int = 1
    preload_count: int = 2000
    text_bytes: int = 100
    processes: int = 2
    password: str = field(default_factory=lambda: secrets.token_hex(12), repr=False)
    name: str = "chat"
    seat: Seat = field(default_factory=Seat, repr=False, compare=False)

    def plan(self, seq: int) -> Intent:
        """Return the write of that number."""
        text = self.text(seq)
        content = content_hash(text.encode())
        if seq < self.preload_count:
            return Intent(f"room:{seq // ROOM:05d}", "import", content, adds=True)
        number = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big")
        if number % 100 < 85:
            return Intent(f"room:{seq // ROOM:05d}", "send", content, adds=True)
        return Intent(f"topic:{number // 100 % TOPICS:05d}", "topic", content)

    def text(self, seq: int) -> str:
        """Return what is said by write number `seq`; it begins with the number, for whoever looks at it."""
        filling = hashlib.shake_128(f"{self.seed}:{seq}".encode()).hexdigest(self.text_bytes // 2)
        return f"{seq:09d}:{filling}"[: self.text_bytes]

    def hand(self) -> ChatHand:
        """Return a new client with connections of its own."""
        return ChatHand(self)

    def tls(self) -> ssl.SSLContext | None:
        """Return whom we trust: nobody but the authority given; None where nothing is encrypted."""
        if not self.url.startswith("https:"):
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.authority)
        return context

    def client(self, timeout: float = TIMEOUT) -> httpx.Client:
        """Return a client that never sends anything twice by itself."""
        return httpx.Client(base_url=self.url, verify=self.tls() or False, timeout=timeout, trust_env=False)

    def healthy(self) -> str:
        """Ask /health; return "" where all is well, or what it says."""
        try:
            with self.client() as client:
                answer = client.get("/health")
        except (httpx.HTTPError, OSError) as error:
            return _said(error)
        return "" if answer.status_code == 200 else answer.text[:160]

    def preload(self, first: int, count: int) -> Iterator[tuple[list[int], list[Intent], float]]:
        """Sign the users up and import `count` messages, a room at a time."""
        user = _User(self, "writer", BULK_TIMEOUT)
        try:
            for name in ("writer", "probe", "listener"):
                user.sign_up(name)
            seqs = range(first, first + count)
            for room in sorted({seq // ROOM for seq in seqs}):
                mine = [seq for seq in seqs if seq // ROOM == room]
                sent = monotonic()
                user.enter(_room(f"room:{room:05d}"))
                said = [{"text": self.text(seq), "createdAt": _time(seq)} for seq in mine]
                user.ask("POST", f"/rooms/{_room(f'room:{room:05d}')}/import", {"messages": said})
                yield mine, [self.plan(seq) for seq in mine], sent
        except (httpx.HTTPError, OSError, _Refused) as error:
            raise ProbeFailed(f"It could not be loaded: {_said(error)}") from None
        finally:
            user.close()

    def read_back(self) -> Observed:
        """Read every room there is, whole."""
        user = _User(self, "writer", BULK_TIMEOUT)
        contents: dict[str, tuple[str, ...]] = {}
        count = size = 0
        try:
            for room in user.ask("GET", "/rooms"):
                key = _key(room["id"])
                texts = list(user.history(room["id"]))
                if texts:
                    contents[key] = tuple(content_hash(text.encode()) for text in texts)
                if room["topic"]:
                    # Nobody gives a topic to a room that fills up: there it is an invention.
                    topic = f"{key} topic" if texts else key
                    contents[topic] = (content_hash(room["topic"].encode()),)
                count += len(texts) + bool(room["topic"])
                size += sum(map(len, texts)) + len(room["topic"])
        except (httpx.HTTPError, OSError, _Refused, KeyError) as error:
            raise ProbeFailed(f"It could not be read back: {_said(error)}") from None
        finally:
            user.close()
        return Observed(contents, count, size)

    def versions(self) -> dict[str, str]:
        """Return the versions of the service and of the clients we speak to it with."""
        with self.client() as client:
            service = client.get("/openapi.json").json()["info"]["version"]
        return {"chat": service, "httpx": httpx.__version__, "websockets": version("websockets")}


class _Refused(Exception):
    """The service answered that it will not; `status` is the code of its answer."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"{status}: {said[:120]}")
        self.status = status


class _User:
    """One user with one connection; he logs in when he has to, and again where his token is refused."""

    def __init__(self, subject: ChatSubject, name: str, timeout: float = TIMEOUT) -> None:
        self.name = name
        self.token = ""
        self.id = ""
        self.process = ""
        self._subject = subject
        self._client = subject.client(timeout)
        self._entered: set[str] = set()

    def sign_up(self, name: str) -> None:
        """Make a user; whoever is one already stays as he is."""
        wanted = {"email": _email(name), "name": name, "password": self._subject.password}
        answer = self._client.post("/users", json=wanted)
        if answer.status_code not in (201, 409):
            raise _Refused(answer.status_code, answer.text)

    def log_in(self) -> None:
        """Get a token."""
        wanted = {"email": _email(self.name), "password": self._subject.password}
        answer = self._client.post("/sessions", json=wanted)
        if answer.status_code != 201:
            raise _Refused(answer.status_code, answer.text)
        self.token, self.id = answer.json()["token"], answer.json()["userId"]

    def ask(self, method: str, path: str, body: Answer | None = None) -> Any:
        """Ask as this user; raises _Refused, and httpx's errors where no answer comes."""
        if not self.token:
            self.log_in()
        said = {"Authorization": f"Bearer {self.token}"}
        answer = self._client.request(method, path, json=body, headers=said)
        self.process = answer.headers.get("x-process", "")
        if answer.status_code == 401:
            # It was not carried out; the next thing this user does begins with a login.
            self.token = ""
        if not answer.is_success:
            raise _Refused(answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def keep_from(self, process: str) -> None:
        """Have another process answer than that one, where one is found."""
        for _ in range(_TRIES):
            if not process or self.process != process:
                return
            self._client.close()
            self._client = self._subject.client()
            self.process = self._client.get("/nowhere").headers.get("x-process", "")

    def enter(self, room: str, *others: str) -> None:
        """Be in a room, which is made where it is not there yet."""
        if room not in self._entered:
            self.ask("PUT", f"/rooms/{room}", {"members": list(others)})
            self._entered.add(room)

    def history(self, room: str) -> Iterator[str]:
        """Yield everything that was said in a room, oldest first."""
        pages: list[list[Answer]] = []
        before = ""
        while not pages or pages[-1]:
            more = f"&before={before}" if before else ""
            pages.append(self.ask("GET", f"/rooms/{room}/messages?limit={PAGE}{more}"))
            before = pages[-1][-1]["createdAt"] if pages[-1] else ""
        for page in reversed(pages):
            yield from (message["text"] for message in reversed(page))

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()


class ChatHand:
    """What one thread does as users of the service; after an error the next thing makes new connections."""

    def __init__(self, subject: ChatSubject) -> None:
        """Speak to `subject`, from the first write or look on."""
        self._subject = subject
        self._writer = _User(subject, "writer")
        self._speaker = _User(subject, "probe")
        self._listener = _User(subject, "listener")
        self._socket: ClientConnection | None = None
        self._heard_by = ""

    def write(self, seq: int, intent: Intent) -> None:
        """Carry out the write of that number."""
        room, text = _room(intent.key), self._subject.text(seq)
        try:
            self._writer.enter(room)
            if intent.kind == "topic":
                self._writer.ask("PUT", f"/rooms/{room}/topic", {"topic": text})
            else:
                self._writer.ask("POST", f"/rooms/{room}/messages", {"text": text})
        except (httpx.HTTPError, OSError, _Refused) as error:
            raise NotAcknowledged(_said(error)) from None
        self._subject.seat.process = self._writer.process

    def probe(self, n: int) -> None:
        """Read what was said long ago, another room each time; send, hear it elsewhere, and read it back."""
        token = f"{n}:{monotonic()}"
        speaker = self._speaker
        try:
            for user in (speaker, self._writer):
                user.keep_from(self._subject.seat.process if self._subject.processes > 1 else "")
            if n % LOGIN_EVERY == 0 or not speaker.token:
                speaker.log_in()
            self._known(n)
            self._listen()
            speaker.ask("POST", f"/rooms/{PROBE_ROOM}/messages", {"text": token})
            self._hear(token)
            newest = speaker.ask("GET", f"/rooms/{PROBE_ROOM}/messages?limit=5")
            if token not in [message["text"] for message in newest]:
                raise ProbeFailed("what was just sent was not read back")
        except (httpx.HTTPError, OSError, _Refused, websockets.WebSocketException) as error:
            self._hang_up()
            raise ProbeFailed(_said(error)) from None

    @property
    def looked_by(self) -> frozenset[str]:
        """Which processes answered its newest look."""
        return frozenset({self._speaker.process, self._writer.process} - {""})

    def close(self) -> None:
        """Let go of the connections."""
        self._hang_up()
        for user in (self._writer, self._speaker, self._listener):
            user.close()

    def _known(self, n: int) -> None:
        count = self._subject.preload_count
        if not count:
            return
        rooms = (count + ROOM - 1) // ROOM
        number = n * 7919 % rooms
        end = min(count, (number + 1) * ROOM)
        # Whoever wrote it is a member; what he sees is what everybody in the room sees.
        page = self._writer.ask(
            "GET", f"/rooms/{_room(f'room:{number:05d}')}/messages?before={_time(end)}&limit={KNOWN}"
        )
        wanted = [self._subject.text(seq) for seq in range(end - 1, max(end - KNOWN, number * ROOM) - 1, -1)]
        if [message["text"] for message in page] != wanted:
            raise ProbeFailed(f"room {number} does not hold what was said in it")

    def _listen(self) -> None:
        """Have a listener connected to another process than the one that answers the speaker."""
        if self._socket is not None and self._heard_by != self._speaker.process:
            return
        self._hang_up()
        self._listener.log_in()
        self._speaker.enter(PROBE_ROOM, self._listener.id)
        for _ in range(_TRIES):
            self._connect()
            if self._subject.processes < 2 or self._heard_by != self._speaker.process:
                return
            self._hang_up()
        raise ProbeFailed(f"no other process than {self._speaker.process} answers")

    def _connect(self) -> None:
        url = f"ws{self._subject.url.removeprefix('http')}/ws"
        self._socket = connect(
            url,
            ssl=self._subject.tls(),
            open_timeout=TIMEOUT,
            close_timeout=0.2,
            proxy=None,
            compression=None,
        )
        self._socket.send(json.dumps({"token": self._listener.token}))
        self._heard_by = str(json.loads(self._socket.recv(TIMEOUT))["process"])

    def _hear(self, token: str) -> None:
        assert self._socket is not None
        end = monotonic() + TIMEOUT
        while True:
            event = json.loads(self._socket.recv(max(0.0, end - monotonic())))
            if event["type"] == "message" and event["message"]["text"] == token:
                return

    def _hang_up(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            socket.close()


def _email(name: str) -> str:
    return f"{name}@drill.example"


def _room(key: str) -> str:
    return f"drill-{key.replace(':', '-')}"


def _key(room: str) -> str:
    return room.removeprefix("drill-").replace("-", ":", 1)


def _time(seq: int) -> str:
    when = _EPOCH + timedelta(milliseconds=seq)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".replace("_Refused: ", "")[:160]


__all__ = ["ChatHand", "ChatSubject"]
