"""What the service is told by its environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """Where its data and its helpers are; seconds and bytes.

    With `mounted` the data folder must be a mount of its own: an unmounted one is empty, and a service that
    begins anew in it looks healthy. `reserve` is the room below which nothing more is taken in, `helper` how
    long one answer of Ollama or Huridocs is waited for, `index_every` the changes after which Chroma writes
    its index files out.
    """

    data: Path = Path("/data")
    ollama: str = "http://ollama:11434"
    huridocs: str = "http://huridocs:5060"
    model: str = "nomic-embed-text"
    mounted: bool = False
    reserve: int = 16 << 20
    helper: float = 2.0
    index_every: int = 1000

    @classmethod
    def of(cls, env: Mapping[str, str] = os.environ) -> Settings:
        """Read them.

        Raises:
            SystemExit: a number is none; the service cannot start, and says why in one line.
        """
        try:
            return cls(
                data=Path(env.get("DATA_DIR") or cls.data),
                ollama=env.get("OLLAMA_URL") or cls.ollama,
                huridocs=env.get("HURIDOCS_URL") or cls.huridocs,
                model=env.get("EMBEDDING_MODEL") or cls.model,
                mounted=env.get("DATA_IS_A_MOUNT") == "yes",
                reserve=int(env.get("DISK_RESERVE_BYTES") or cls.reserve),
                helper=float(env.get("HELPER_SECONDS") or cls.helper),
                index_every=int(env.get("INDEX_EVERY") or cls.index_every),
            )
        except ValueError as error:
            raise SystemExit(
                f"refserver: DISK_RESERVE_BYTES, HELPER_SECONDS and INDEX_EVERY are numbers: {error}."
            ) from None

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.data / "refserver.db"

    @property
    def vectors(self) -> Path:
        """Chroma's folder."""
        return self.data / "chromadb"

    @property
    def pdfs(self) -> Path:
        """The folder of the documents themselves."""
        return self.data / "pdfs"

    @property
    def queue(self) -> Path:
        """Where what was taken in waits for a helper that is down."""
        return self.data / "queue"

    @property
    def logs(self) -> Path:
        """Where the service logs."""
        return self.data / "logs"
