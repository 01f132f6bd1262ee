"""An S3 bucket as a store: the host whose backups they are speaks to it, by a program that cannot delete.

Settings of the service, beside `ship_to: [s3://bucket/prefix]`:

- `s3_endpoint`: a URL (none = AWS), `s3_region`.
- `s3_key_id`, `s3_secret`: references (none = what the host itself may do there, such as its role).
- `s3_lock_days`: each copy is locked for so long (0 = as the bucket's own rule has it); `s3_lock_mode`:
  GOVERNANCE or COMPLIANCE.
- `s3_python`: a Python of the host that has boto3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, ClassVar

import msgspec

from agent.errors import BadInventory, Refused
from agent.inventory.load import Load
from agent.inventory.model import Service
from agent.payload.bundle import program
from agent.secrets import Secret
from agent.transport.ask import Done, Sh

PIECE = 16 << 20
"""Bytes of a file that are sent, and held in memory, at once."""
_PLACE = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/([\w./=+-]*))?", re.ASCII)
_MODES = ("GOVERNANCE", "COMPLIANCE")
_HOURS = 6 * 3600.0


@dataclass(frozen=True)
class Bucket:
    """A bucket, and the prefix (`root`) below which the copies lie."""

    whole: ClassVar[bool] = True
    bucket: str
    root: str = ""
    endpoint: str = ""
    region: str = ""
    python: str = "python3"
    lock_days: int = 0
    lock_mode: str = _MODES[0]
    secrets: dict[str, Secret] = field(default_factory=dict, hash=False)
    rate: float = 0

    @classmethod
    def of(cls, service: Service, said: str) -> Bucket:
        """Return the bucket of that URL with the service's settings.

        Raises:
            BadInventory: it is no such URL, a setting has the wrong type, or a secret is written out.
        """
        found = _PLACE.fullmatch(said)
        if not found or ".." in said or "//" in said[5:]:
            raise _wrong(service, "ship_to", "like s3://bucket/prefix", said)
        endpoint = service.text("s3_endpoint", "").rstrip("/")
        if endpoint and not re.fullmatch(r"https?://[\w.:\[\]-]+", endpoint):
            raise _wrong(service, "s3_endpoint", "like https://s3.example", endpoint)
        mode = service.text("s3_lock_mode", _MODES[0])
        if mode not in _MODES:
            raise _wrong(service, "s3_lock_mode", " or ".join(_MODES), mode)
        named = {"AWS_ACCESS_KEY_ID": "s3_key_id", "AWS_SECRET_ACCESS_KEY": "s3_secret"}
        secrets = {name: value for name, key in named.items() if (value := service.secret(key))}
        if len(secrets) == 1:
            raise _wrong(service, "s3_key_id and s3_secret", "both there or neither", "one of them")
        return cls(
            found[1],
            (found[2] or "").strip("/"),
            endpoint,
            service.text("s3_region", "us-east-1" if endpoint else ""),
            service.text("s3_python", "python3"),
            service.number("s3_lock_days", 0),
            mode,
            secrets,
            Load.of(service).rate,
        )

    @property
    def name(self) -> str:
        """As the inventory has it."""
        return f"s3://{self.bucket}/{self.root}".rstrip("/")

    def make(self, folder: str) -> Sh:
        """See that the bucket is there; there are no folders in it."""
        del folder
        return self._ask("look", timeout=120, supposing=Done(0))

    def send(self, source: str, to: str, sha256: str) -> Sh:
        """Send in pieces, each with its sums, but for those that an interrupted try left; read it back."""
        what = f"copies {source} to {self._said(to)}"
        supposed = Done(0, sha256.encode())
        more = {"key": to, "source": source, "piece": PIECE, "supposing": supposed, **self._bound}
        return self._ask("send", changes=what, timeout=_HOURS, **more)

    def receive(self, path: str, into: str, sha256: str = "") -> Sh:
        """Bring the newest version, or where that is another one the newest that has the checksum."""
        what = f"copies {self._said(path)} to {into}"
        return self._change("receive", what, key=path, into=into, sha256=sha256, timeout=_HOURS)

    def checksum(self, path: str, supposing: str = "none") -> Sh:
        """Read it back whole: a sum that an endpoint tells may be the one it was told."""
        more: dict[str, Any] = {"key": path, "supposing": Done(0, supposing.encode()), **self._bound}
        return self._ask("sum", timeout=_HOURS, **more)

    def name_it(self, partial: str, path: str) -> Sh:
        """Refuse: a copy is sent under its name (`whole`)."""
        raise Refused(f"{self.name}: expected {partial} to be sent under its name, {path}.")

    def write(self, path: str, content: bytes) -> Sh:
        """Write a small text there."""
        return self._change(
            "write", f"writes {self._said(path)}", key=path, text=content.decode(), timeout=120
        )

    def entries(self, folder: str) -> Sh:
        """Print every .json object of a folder, the newest version of each that is one."""
        return self._ask("entries", key=folder, timeout=600)

    def remove(self, *paths: str) -> Sh:
        """Refuse: whoever may send may not delete. The bucket's own rules remove what is old."""
        raise Refused(
            f"{self.name}: expected never to be asked to delete in a bucket, found {', '.join(paths)}.",
            do="Have what your policy does not keep removed by another key: drillyard backup prune --far.",
        )

    @property
    def _bound(self) -> dict[str, float]:
        """How fast copies go out and are read back; what is brought back for a recovery goes as it can."""
        return {"rate": self.rate * (1 << 20)}

    def _said(self, path: str) -> str:
        return f"s3://{self.bucket}/{path.lstrip('/')}"

    def _change(self, verb: str, what: str, **more: Any) -> Sh:
        return self._ask(verb, changes=what, supposing=Done(0), **more)

    def _ask(self, verb: str, *, timeout: float, changes: str = "", **more: Any) -> Sh:
        supposing: Done | None = more.pop("supposing", None)
        spec = {"do": verb, "bucket": self.bucket, "endpoint": self.endpoint, "region": self.region, **more}
        spec |= {"lock_days": self.lock_days, "lock_mode": self.lock_mode}
        if "key" in spec:
            spec["key"] = spec["key"].lstrip("/")
        return Sh(
            *(self.python, "-I", "-", msgspec.json.encode(spec).decode()),
            stdin=program("bucket"),
            secrets=self.secrets,
            sudo=True,
            changes=changes,
            again="safe",
            timeout=timeout,
            keep=64_000_000,
            supposing=supposing,
        )


def _wrong(service: Service, key: str, expected: str, found: str) -> BadInventory:
    return BadInventory(
        f"{service.at}: {key} of {service.system} on {service.host} should be {expected}, found {found!r}."
    )
