"""What of a host's `ansible_ssh_common_args` matters to us: its jump host, known hosts, key and key alias."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

_THROUGH = re.compile(r"ssh\b.*\s-W\s*['\"]?\[?%h\]?:%p['\"]?.*", re.DOTALL)
_WITH_VALUE = "bcDEeFIiJlLmOopQRSWw"


@dataclass(frozen=True)
class SshArgs:
    """The four things taken; the rest (multiplexing, timeouts, lax host keys) is the transport's own."""

    jump: str = ""
    known_hosts: str = ""
    key_file: str = ""
    key_alias: str = ""


def read_ssh_args(text: str) -> SshArgs:
    """Return what matters in a line of options for ssh.

    Raises:
        ValueError: the quotes are uneven, or it goes through a ProxyCommand that is no jump host.
    """
    options = dict(_options(shlex.split(text)))
    command = options.get("proxycommand", "")
    jump = options.get("proxyjump", "")
    if command and command.lower() != "none" and not jump:
        jump = _jump_in(command)
    known = options.get("userknownhostsfile", "").split(" ")[0]
    return SshArgs(
        jump="" if jump.lower() == "none" else jump,
        known_hosts="" if known == "/dev/null" else known,
        key_file=options.get("identityfile", ""),
        key_alias=options.get("hostkeyalias", ""),
    )


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    # As in ssh, the first value given for an option counts: dict() takes the last, so we go backwards.
    found: list[tuple[str, str]] = []
    waiting = iter(words)
    for word in waiting:
        flag, value = word[:2], word[2:]
        if not flag.startswith("-") or len(flag) < 2:
            continue
        if flag[1] in _WITH_VALUE and not value:
            value = next(waiting, "")
        if flag == "-J":
            found.append(("proxyjump", value))
        elif flag == "-i":
            found.append(("identityfile", value))
        elif flag == "-o":
            name, _, rest = value.replace("=", " ", 1).strip().partition(" ")
            found.append((name.lower(), rest.strip().strip("\"'")))
    yield from reversed(found)


def _jump_in(command: str) -> str:
    if not _THROUGH.fullmatch(command.strip()):
        raise ValueError(
            f"the ProxyCommand {command!r} is no jump host; write -o ProxyJump=user@host in its place"
        )
    port, user, names = "", "", []
    words = iter(shlex.split(command)[1:])
    for word in words:
        flag, value = word[:2], word[2:]
        if not flag.startswith("-"):
            names.append(word)
            continue
        if flag[1:] in _WITH_VALUE and not value:
            value = next(words, "")
        port, user = (value if flag == "-p" else port), (value if flag == "-l" else user)
    if len(names) != 1:
        raise ValueError(f"the ProxyCommand {command!r} names no single jump host")
    name = f"{user}@{names[0]}" if user else names[0]
    return f"{name}:{port}" if port else name
