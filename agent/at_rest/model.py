"""Where an application's data rests, what of it there is, and whose it is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

import msgspec

from agent.errors import BadInventory, NoRoom, StepFailed
from agent.inventory.load import Load
from agent.inventory.model import Service
from agent.payload.bundle import program
from agent.secrets import Secret
from agent.transport.ask import Action, Done, Sh

S = TypeVar("S", bound="AtRest")

_LINK = ("table", "key", "file", "sum", "touched", "collection")
_TEXTS = ("data_dir", "backup_dir", "database", "chroma", "files")
_WORDS = ("queue", "owner", "mode", "python", "health")
_HOURS = 4 * 3600.0
_OPENS = ("check_set", "restore_set", "reunite", "look_data", "stream")
_KEY = re.compile(r"age1[02-9ac-hj-np-z]{58}|ssh-(?:ed25519|rsa) [A-Za-z0-9+/=]+")


@dataclass(frozen=True)
class AtRest:
    """An application's data: `data_dir` on its host, in it `database`, `chroma` and `files` ("" = none).

    `backup_dir` is where backups go; `owner` whose the files are (1000:1000), `mode` theirs. `link` names
    table and columns by which rows, vectors and files belong together. `chroma_python` is the command line of
    a Python that has chromadb (() = Chroma is not asked), and `seen` the data's folder as that one sees it.
    `queue` is the folder of what waits to be made a document of, `health` the URL of the health check.
    `encrypt_to` are the public keys that backups are encrypted for (() = they are not), `identity` is a
    private one, which only opening them needs. `stream` is the folder to which the program `litestream` ships
    the database all the time ("" = it does not). `load` is what taking and proving may take of the host.
    """

    ELEMENTS: ClassVar[tuple[str, ...]] = ("sqlite", "chromadb", "files")

    host: str
    data_dir: str = "/data"
    backup_dir: str = "/data/backups"
    database: str = "refserver.db"
    chroma: str = "chromadb"
    files: str = "pdfs"
    owner: str = "1000:1000"
    mode: str = "644"
    python: str = "python3"
    link: dict[str, str] = field(default_factory=dict)
    chroma_python: tuple[str, ...] = ()
    seen: str = ""
    queue: str = "queue"
    health: str = ""
    pause: int = 15
    encrypt_to: tuple[str, ...] = ()
    identity: Secret | None = None
    stream: str = ""
    litestream: str = "litestream"
    load: Load = field(default_factory=Load)

    @classmethod
    def of(cls: type[S], service: Service) -> S:
        """Read the settings of an inventory's service.

        Raises:
            BadInventory: a setting has the wrong type.
        """
        default = cls(host=service.host)
        said = {name: service.text(name, getattr(default, name)) for name in (*_TEXTS, *_WORDS)}
        for element, name in (("sqlite", "database"), ("chromadb", "chroma"), ("files", "files")):
            if element not in cls.ELEMENTS:
                said[name] = ""
        return cls(
            host=service.host,
            link=_link(service),
            chroma_python=_chroma_python(service) if said["chroma"] else (),
            seen=service.text("container_dir", "/data") if service.supervisor == "docker" else "",
            pause=service.number("pause", default.pause),
            encrypt_to=_keys(service),
            identity=service.secret("identity"),
            stream=_stream(service) if said["database"] else "",
            litestream=service.text("litestream", default.litestream),
            load=Load.of(service),
            **{name: value.rstrip("/") if name.endswith("_dir") else value for name, value in said.items()},
        )

    @property
    def elements(self) -> tuple[str, ...]:
        """What there is of SQLite, Chroma and files."""
        named = {"sqlite": self.database, "chromadb": self.chroma, "files": self.files}
        return tuple(name for name, said in named.items() if said)

    @property
    def stream_config(self) -> str:
        """The path of Litestream's configuration on the host; "" where nothing is shipped."""
        return f"{self.stream}/litestream.yml" if self.stream else ""

    @property
    def shut(self) -> bool:
        """Whether its backups are encrypted and nothing here opens them."""
        return bool(self.encrypt_to) and self.identity is None

    def run(self, name: str, spec: dict[str, Any], **options: Any) -> Action[dict[str, Any]]:
        """Have the payload program `name` do what `spec` says, as root, and return its JSON answer.

        Raises:
            NoRoom: the disk could not hold what it would write; nothing was begun.
            StepFailed: it ended with a sentence of its own.
        """
        place = {"data": self.data_dir, "backups": self.backup_dir}
        place |= {"database": self.database, "chroma": self.chroma, "files": self.files}
        words = msgspec.json.encode({"place": place, "link": self.link, **spec}).decode()
        more = {"timeout": _HOURS, "keep": 32_000_000, **options}
        if self.identity and name in _OPENS:
            more["secrets"] = {"DRILLYARD_IDENTITY": self.identity}
        done: Done = yield Sh(
            *(self.python, "-I", "-", words), stdin=program(name), sudo=True, ok=(0, 1), **more
        )
        if done.rc:
            why = done.complaint
            if why.startswith("NO ROOM: "):
                raise NoRoom(
                    f"{self.host}: {why.removeprefix('NO ROOM: ')}.",
                    do="Free some space, or grow the volume.",
                )
            if why.startswith("NO KEY: "):
                raise StepFailed(
                    f"{self.host}: {why.removeprefix('NO KEY: ')}.",
                    do="Name the identity in the inventory: identity: !file PATH.",
                )
            raise StepFailed(f"{self.host}: {why.removeprefix('NO AGE: ')}.")
        answer: dict[str, Any] = msgspec.json.decode(done.out or b"{}")
        return answer


def _link(service: Service) -> dict[str, str]:
    said = service.settings.get("link", {})
    right = isinstance(said, dict) and all(
        name in _LINK and isinstance(value, str) and value.replace("_", "").isalnum()
        for name, value in said.items()
    )
    if not right:
        raise BadInventory(
            f"{service.at}: link of {service.system} on {service.host} should be plain names by "
            f"{', '.join(_LINK)}, found {said!r}."
        )
    return dict(said)


def _keys(service: Service) -> tuple[str, ...]:
    said = service.settings.get("encrypt_to", [])
    if isinstance(said, list) and all(isinstance(key, str) and _KEY.fullmatch(key) for key in said):
        return tuple(said)
    raise BadInventory(
        f"{service.at}: encrypt_to of {service.system} on {service.host} should be a list of public keys, "
        f"age1... or ssh-ed25519 ...; something else stands there.",
        do="Make one with `age-keygen -o identity.txt`; it prints the public key.",
    )


def _stream(service: Service) -> str:
    on = service.settings.get("continuous", False)
    if not isinstance(on, bool):
        raise BadInventory(
            f"{service.at}: continuous of {service.system} on {service.host} should be true or false, "
            f"found {on!r}."
        )
    folder = service.text(
        "continuous_dir", f"{service.text('backup_dir', '/data/backups')}/sqlite/continuous"
    )
    return folder.rstrip("/") if on else ""


def _chroma_python(service: Service) -> tuple[str, ...]:
    """Return how Chroma is asked about a copy: as the inventory says, else in the container's own image."""
    said = service.settings.get("chroma_python")
    if isinstance(said, list) and all(isinstance(word, str) for word in said):
        return tuple(said)
    if said is not None:
        raise BadInventory(
            f"{service.at}: chroma_python of {service.system} on {service.host} should be a list of words, "
            f"found {said!r}."
        )
    if service.supervisor != "docker":
        return ()
    # The shell finds the image of the container; what it runs there has no network and goes when it ends.
    line = (
        "exec docker run --rm -i --network none --pull never --user 0 --label drillyard.throwaway=1 "
        '--volumes-from "$0" --entrypoint python3 '
        '"$(docker container inspect --format "{{.Image}}" "$0")" "$@"'
    )
    return ("bash", "-c", line, service.unit)
