"""How Redis's own programs are started: those of this host, or those of the image that a container runs.

A container's files are written by its own version of Redis, and another one may not read them. So where the
service runs in a container, its image lends the programs: a throwaway container of the same image with the
same volumes and no network. It lives as long as our end of its standard input is open, so that it goes when
we do, whatever becomes of us.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from agent.payload.owner import ids

# The server ends when standard input does, and the container when the server does.
_WHILE_WE_LIVE = 'redis-server "$@" & pid=$!; (cat >/dev/null; kill -9 $pid 2>/dev/null) <&3 & wait $pid'


@dataclass(frozen=True)
class Programs:
    """Where the programs come from: this host ("" as `container`), or the image of a container.

    `container` is the service's own, whose volumes a throwaway one gets; `data_dir` is the data's folder on
    this host and `inside` the same one as the container sees it; `user` is whose the files are.
    """

    data_dir: str = ""
    user: str = ""
    container: str = ""
    inside: str = ""

    @classmethod
    def of(cls, spec: dict[str, Any]) -> Programs:
        """Return what a payload's spec says under `programs`: nothing, or a container and its folder."""
        return cls(str(spec["data_dir"]), str(spec["user"]), **(spec.get("programs") or {}))

    @property
    def lent(self) -> bool:
        """Whether they are an image's."""
        return bool(self.container)

    def server(self, folder: Path, options: Sequence[str]) -> list[str]:
        """Return the command line of a redis-server on `folder`, which lies below the data's folder."""
        if not self.lent:
            return ["redis-server", *options]
        words = self._run("sh", self.seen(folder))
        return [*words, "-c", f"exec 3<&0; {_WHILE_WE_LIVE}", "sh", *options]

    def check_rdb(self, path: Path) -> tuple[list[str], Path | None]:
        """Return the command line that checks an RDB, and the file that is to be its standard input."""
        if not self.lent:
            return ["redis-check-rdb", str(path)], None
        return [*self._run("redis-check-rdb"), "/dev/stdin"], path

    def check_aof(self, manifest: Path, *options: str) -> list[str]:
        """Return the command line that checks the append-only file of a manifest; without options it only
        looks."""
        if not self.lent:
            return ["redis-check-aof", *options, str(manifest)]
        return [*self._run("redis-check-aof"), *options, self.seen(manifest)]

    def seen(self, path: Path) -> str:
        """Return a path below the data's folder as the container sees it.

        Raises:
            ValueError: it lies elsewhere, where a container could not see it.
        """
        return str(Path(self.inside) / path.relative_to(self.data_dir))

    def _run(self, program: str, folder: str = "") -> list[str]:
        uid, gid = ids(self.user)
        words = ["docker", "run", "--rm", "--interactive", "--network", "none", "--pull", "never"]
        words += ["--user", f"{uid}:{gid}", "--volumes-from", self.container, "--log-driver", "none"]
        words += ["--label", "drillyard.throwaway=1", "--entrypoint", program]
        return [*words, *(("--workdir", folder) if folder else ()), image_of(self.container)]


@cache
def image_of(container: str) -> str:
    """Return the id of the image that a container was made of; raises OSError where it cannot be told."""
    words = ["docker", "container", "inspect", "--format", "{{.Image}}", container]
    done = subprocess.run(words, capture_output=True, timeout=60, check=False)
    if done.returncode:
        raise OSError(f"docker does not tell the image of {container}: {done.stderr.decode().strip()}")
    return done.stdout.decode().strip()
