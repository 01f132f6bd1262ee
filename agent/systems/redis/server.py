"""One Redis server as the inventory describes it, and how it is asked something by redis-cli."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from agent.errors import BadInventory, ServiceRefused, StepFailed
from agent.inventory.model import Service
from agent.payload.bundle import program
from agent.secrets import Secret
from agent.transport.ask import Action, Done, Sh

NO_PASSWORD = ("NOAUTH", "WRONGPASS", "NOPERM", "AUTH failed")
_NOBODY = ("Could not connect", "Connection refused", "Connection reset")
_NO_CONTAINER = ("is not running", "is restarting", "No such container", "cannot exec in a stopped")
_ENDED_WITH_IT = 137
"""How redis-cli ends where the container in which it was asking ends: killed, and without a word."""
_ERRORS = ("ERR ", "MISCONF", "OOM ", "READONLY", "BUSY", "MASTERDOWN", "EXECABORT", "WRONGTYPE")


@dataclass(frozen=True)
class Redis:
    """A Redis server: where it listens, where its files lie, whose they are.

    `socket` is a unix socket to use instead of address and port. `data_dir` holds `aof_dir` and dump.rdb;
    `backup_dir` is where copies go, on another volume; `user` is whose the files are (`redis`, or numbers
    such as 999:1000).

    `container` is the container it runs in, "" = on the host itself: then redis-cli runs inside of it,
    address and port are those inside, and Redis's other programs are those of its image. `data_dir` is the
    data's folder on the host all the same, `container_dir` the same folder as the container sees it.

    `login` is the ACL user that the password is of ("" = the default one). With `tls` the server is spoken to
    in TLS; `tls_authority` is the file with who signed for it ("" = whoever the host trusts), and
    `tls_certificate` and `tls_key` are shown to it where it wants to see some; the files lie where redis-cli
    runs.
    """

    host: str
    unit: str = "redis-server"
    port: int = 6379
    address: str = "127.0.0.1"
    socket: str = ""
    password: Secret | None = None
    data_dir: str = "/var/lib/redis"
    aof_dir: str = "appendonlydir"
    aof_name: str = "appendonly.aof"
    rdb_name: str = "dump.rdb"
    user: str = "redis"
    backup_dir: str = "/backup"
    python: str = "python3"
    container: str = ""
    container_dir: str = "/data"
    login: str = ""
    tls: bool = False
    tls_authority: str = ""
    tls_certificate: str = ""
    tls_key: str = ""

    @classmethod
    def of(cls, service: Service) -> Redis:
        """Read the settings of an inventory's service.

        Where docker supervises it, its programs are those of its container; `programs: host` has them run on
        the host.

        Raises:
            BadInventory: a setting has the wrong type, or the password is written out.
        """
        default = cls(host=service.host)
        inside = service.text("programs", service.supervisor) == "docker"
        return cls(
            host=service.host,
            unit=service.unit,
            port=service.number("port", default.port),
            password=service.secret("password"),
            container=service.unit if inside else "",
            tls=_flag(service, "tls"),
            **{
                name: service.text(name, getattr(default, name))
                for name in (
                    "address",
                    "socket",
                    "data_dir",
                    "aof_dir",
                    "aof_name",
                    "rdb_name",
                    "user",
                    "backup_dir",
                    "python",
                    "container_dir",
                    "login",
                    "tls_authority",
                    "tls_certificate",
                    "tls_key",
                )
            },
        )

    @property
    def files(self) -> str:
        """The folder of the append-only file."""
        return f"{self.data_dir}/{self.aof_dir}"

    @property
    def manifest(self) -> str:
        """The path that redis-check-aof must be given: any other it misjudges."""
        return f"{self.files}/{self.aof_name}.manifest"

    @property
    def owner(self) -> str:
        """Whose the files are, as chown wants it."""
        first, _, group = self.user.partition(":")
        return f"{first}:{group or (first if first.isdigit() else '')}"

    @property
    def work(self) -> str:
        """The folder a rebuild works in, on the data directory's own file system."""
        return f"{self.data_dir}/drillyard-rebuild"

    def cli(self, *words: str, lines: str = "", **options: Any) -> Sh:
        """Return the ask that has redis-cli send `words`, or every line of `lines` one by one.

        The password travels as REDISCLI_AUTH. Its exit code says little (0 on most errors, 1 with -e on
        some): `answer` below reads the text.
        """
        return Sh(
            *self.cli_words,
            *(("-e",) if not lines else ()),
            *words,
            stdin=lines.encode(),
            secrets=self.secrets,
            ok=(0, 1, 126, _ENDED_WITH_IT),
            sudo=bool(self.container),
            **options,
        )

    def beside(self, script: str, *words: str, **options: Any) -> Sh:
        """Return the ask that runs a shell script where the server runs: on the host, or in its container."""
        if not self.container:
            return Sh(script, *words, script=True, sudo=True, **options)
        inside = ("docker", "exec", "-i", self.container, "sh", "-c", script, "sh")
        return Sh(*inside, *words, sudo=True, **options)

    @property
    def cli_words(self) -> tuple[str, ...]:
        """The command line of redis-cli, its password being in the environment."""
        where = ("-s", self.socket) if self.socket else ("-h", self.address, "-p", str(self.port))
        where = (*where, *(("--user", self.login) if self.login else ()), *self._tls_words)
        if not self.container:
            return ("redis-cli", *where)
        named = ("-e", "REDISCLI_AUTH") if self.password else ()
        return ("docker", "exec", "-i", *named, self.container, "redis-cli", *where)

    @property
    def _tls_words(self) -> tuple[str, ...]:
        files = {"--cacert": self.tls_authority, "--cert": self.tls_certificate, "--key": self.tls_key}
        shown = [word for option, file in files.items() if file for word in (option, file)]
        return ("--tls", *shown) if self.tls else ()

    @property
    def secrets(self) -> dict[str, Secret]:
        """What redis-cli needs in its environment."""
        return {"REDISCLI_AUTH": self.password} if self.password else {}

    def run(self, name: str, spec: dict[str, Any], **options: Any) -> Sh:
        """Return the ask that has the payload program `name` do what `spec` says, as root."""
        place = {"data_dir": self.data_dir, "aof_dir": self.aof_dir, "aof_name": self.aof_name}
        lent = {"programs": {"container": self.container, "inside": self.container_dir}}
        whole = {**place, "user": self.user, **(lent if self.container else {}), **spec}
        words = msgspec.json.encode(whole).decode()
        return Sh(self.python, "-I", "-", words, stdin=program(name), sudo=True, **options)


def _flag(service: Service, key: str) -> bool:
    value = service.settings.get(key, False)
    if not isinstance(value, bool):
        raise BadInventory(
            f"{service.at}: {key} of {service.system} on {service.host} should be true or false, "
            f"found {value!r}."
        )
    return value


@dataclass(frozen=True)
class Reply:
    """What a server answered: `state` is ok, down, loading or error; `text` its words."""

    state: str
    text: str

    def fields(self) -> dict[str, str]:
        """Return the `name:value` lines of an INFO reply."""
        lines = (line.strip().split(":", 1) for line in self.text.splitlines() if ":" in line)
        return {line[0]: line[1] for line in lines}


def read(redis: Redis, done: Done) -> Reply:
    """Return what redis-cli printed as a reply.

    Raises:
        ServiceRefused: the server is there and does not accept our password.
    """
    said = f"{done.text}\n{done.err.decode('utf-8', 'replace')}"
    # The warning and the reply may stand on either stream, so the words decide and not the exit code.
    if any(word in said for word in NO_PASSWORD) and "\n" not in done.text:
        raise ServiceRefused(
            f"{redis.host}: Redis expected another password than the inventory's: {done.complaint}.",
            do="Correct the password that the inventory refers to; nothing was changed.",
        )
    nobody = (*_NOBODY, *(_NO_CONTAINER if redis.container else ()))
    if any(words in said for words in nobody):
        return Reply("down", done.complaint)
    if redis.container and done.rc == _ENDED_WITH_IT:
        return Reply("down", "its container ended while it was being asked")
    if done.text.startswith("LOADING") or "LOADING Redis" in said:
        return Reply("loading", done.text)
    failed = done.text.startswith(_ERRORS) or (done.rc != 0)
    return Reply("error", done.text or done.complaint) if failed else Reply("ok", done.text)


def ask(redis: Redis, *words: str) -> Action[Reply]:
    """Send one command that changes nothing and return its reply, whatever it is."""
    done: Done = yield redis.cli(*words)
    return read(redis, done)


def tell(redis: Redis, *words: str, changes: str = "") -> Action[str]:
    """Send one command and return the words of its reply.

    Raises:
        StepFailed: the server is down, still loading, or answered with an error.
    """
    done: Done = yield redis.cli(*words, changes=changes, again="safe")
    reply = read(redis, done)
    if reply.state != "ok":
        raise StepFailed(
            f"{redis.host}: expected Redis to carry out {words[0]}, found it {reply.state}: {reply.text}."
        )
    return reply.text


def info(redis: Redis, section: str) -> Action[dict[str, str]]:
    """Return a section of INFO as fields; raises like `tell`."""
    text = yield from tell(redis, "INFO", section)
    return Reply("ok", text).fields()


def payload(redis: Redis, name: str, spec: dict[str, Any], **options: Any) -> Action[dict[str, Any]]:
    """Run a payload program on the host and return its JSON answer.

    Raises:
        StepFailed: it ended with a sentence of its own.
    """
    done: Done = yield redis.run(name, spec, keep=32_000_000, **options)
    try:
        answer: dict[str, Any] = msgspec.json.decode(done.out or b"{}")
    except msgspec.DecodeError:
        raise StepFailed(
            f"{redis.host}: expected a JSON answer from {redis.python}, found: {done.text[:200]!r}.",
            do=f"Check that {redis.python} on that host is Python 3.9 or newer.",
        ) from None
    return answer
