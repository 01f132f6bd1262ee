"""How an inventory names its secrets: by reference, never written out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from agent.errors import BadInventory
from agent.inventory.document import Tag
from agent.inventory.model import Where
from agent.inventory.vault import MARK, sealed
from agent.secrets import Secret

# Read after dbPassword and db-password became db_password.
_SECRET_KEY = re.compile(
    r"(?:password|passwd|passphrase)$|(?:^|_)(?:secret|token|pass|passw|pw|pwd)$|(?:^|_)key$"
    r"|^(?:require|master|root|db|user)pass$|^masterauth$|(?:^|_)(?:redis|valkey|sentinel|master)_auth$",
    re.IGNORECASE,
)
_NOT_A_SECRET = re.compile(
    r"(?:^|_)(?:public|host|ssh|sort|partition|primary|foreign)_key$|^key$|^pwd$", re.IGNORECASE
)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|-")
_IN_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s/@:'\"]*:([^\s/@]+)@")
# {word}, <word>, $word and stars stand for a password; they are none.
_STANDS_FOR = re.compile(r"\{.*\}|<.*>|\$\{?\w+\}?|[*•x]+", re.DOTALL)
_REFERENCE = re.compile(r"!(env|file|command)\s+(\S.*)", re.DOTALL)
_DO = "Write !env NAME, !file PATH, !command LINE or !vault and what it encrypted in its place."
_WORD = re.compile(r"\{[a-z_]+\}")
_CONNECTION = re.compile(r"(?:ansible|drillyard)_|env$")


def folder_of(file: str) -> Path:
    """Return the folder that relative paths in an inventory's file start from: where the inventory lies.

    For a file below group_vars/ or host_vars/ that is the folder these two lie in.
    """
    path = Path(file)
    for parent in path.parents:
        if parent.name in ("group_vars", "host_vars"):
            return parent.parent
    return path.parent


def resolved(path: str, at: Where) -> str:
    """Return a path as it is meant: `~` expanded, a relative one below the inventory's folder."""
    expanded = Path(path).expanduser()
    return str(expanded if expanded.is_absolute() else (folder_of(at.file) / expanded).absolute())


def _secret(kind: str, where: str, at: Where) -> Secret:
    if not where:
        raise BadInventory(
            f"{at}: !{kind} is followed by nothing.", do=f"Write !{kind} and what it stands for."
        )
    return Secret(kind, resolved(where, at) if kind == "file" else where, str(at))


def _vault(text: str, at: Where) -> Secret:
    if not text.startswith(MARK):
        raise BadInventory(
            f"{at}: !vault is followed by {text[:20]!r}, expected what ansible-vault encrypted.",
            do=_DO,
        )
    return sealed(text, str(at))


def _as_it_is(text: str, at: Where) -> str:
    del at
    return text


TAGS: Mapping[str, Tag] = {
    "!env": lambda text, at: _secret("env", text, at),
    "!file": lambda text, at: _secret("file", text, at),
    "!command": lambda text, at: _secret("command", text, at),
    "!unsafe": _as_it_is,
    "!vault": _vault,
    "!vault-encrypted": _vault,
}
# How `ansible-inventory --list` prints what has a tag in YAML.
_TAGGED: Mapping[str, Tag] = {"__ansible_vault": _vault, "__ansible_unsafe": _as_it_is}


def reference_in(text: str, at: Where) -> Secret | None:
    """Return the secret that `!env NAME`, `!file PATH` or `!command LINE` written as text names, or None.

    Raises:
        BadInventory: nothing follows the tag.
    """
    found = _REFERENCE.fullmatch(text.strip())
    return _secret(found[1], found[2].strip(), at) if found else None


def referenced(key: str, value: Any, at: Callable[..., Where], inner: tuple[str | int, ...] = ()) -> Any:
    """Return a variable's value with `"!env NAME"` written as plain text read as the reference it is.

    That is how a reference is written where there are no tags: in INI and JSON, and in YAML that Ansible
    has to read too. `at(*inner)` says where a part of the value is written.

    Raises:
        BadInventory: a key that names a secret has it written out.
    """
    if isinstance(value, dict):
        if len(value) == 1 and (tag := next(iter(value))) in _TAGGED and isinstance(value[tag], str):
            return _TAGGED[tag](value[tag], at(*inner))
        return {name: referenced(name, each, at, (*inner, name)) for name, each in value.items()}
    if isinstance(value, list):
        return [referenced(key, each, at, (*inner, n)) for n, each in enumerate(value)]
    if isinstance(value, str) and (named := reference_in(value, at(*inner))):
        return named
    if isinstance(value, str) and _address_tells(value):
        raise BadInventory(
            f"{at(*inner)}: {key} is an address with a password written out in it, and whoever reads this "
            "file knows it; a secret is expected as a reference.",
            do=f"Put the whole address where the reference leads. {_DO}",
        )
    if _written_out(key, value):
        raise BadInventory(
            f"{at(*inner)}: {key} is written out, and whoever reads this file knows it; "
            "a secret is expected as a reference.",
            do=_DO,
        )
    return value


def in_vault(cipher: str, file: str, data: Any) -> Any:
    """Return the data of a file that was encrypted as a whole, its secrets as references into the vault.

    Every text in such a file is a secret, but for connection variables and the settings of a service: of
    these only what the key calls one.
    """

    def each(value: Any, place: tuple[str | int, ...], named: bool) -> Any:
        if isinstance(value, dict):
            return {key: each(inner, (*place, key), names_secret(key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [each(inner, (*place, n), named) for n, inner in enumerate(value)]
        if value is None or isinstance(value, bool | Secret) or value == "":
            return value
        open_ = place and (place[0] == "serves" or _CONNECTION.match(str(place[0])))
        if named or (isinstance(value, str) and not open_ and "{{" not in value):
            return sealed(cipher, file, place)
        return value

    return each(data, (), False)


def names_secret(key: str) -> bool:
    """Whether a name says that what it stands for is a secret: `db_password`, `dbPassword`, `requirepass`."""
    plain = _HUMP.sub("_", key)
    return bool(_SECRET_KEY.search(plain)) and not _NOT_A_SECRET.search(plain)


def _address_tells(text: str) -> bool:
    return any(not _STANDS_FOR.fullmatch(password) for password in _IN_ADDRESS.findall(text))


def _written_out(key: str, value: Any) -> bool:
    if not names_secret(key):
        return False
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
        return False
    text = str(value)
    # A template is no literal, nor is `{word}` of an application's checks; a key's path is not the key.
    if "{{" in text or _WORD.fullmatch(text):
        return False
    return not (key.lower().endswith("key") and text.startswith(("/", "~", "./", "../")))
