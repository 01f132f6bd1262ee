"""A stand-in for Ollama on its routes: /api/version, /api/tags, /api/embed, /api/embeddings."""

from __future__ import annotations

import json
import time

from .answering import Answering, serve
from .embedding import DIMENSIONS, embedding

MODEL = "nomic-embed-text"


class Ollama(Answering):
    """It has one model, and that makes vectors only."""

    def do_GET(self) -> None:  # noqa: N802 - its name in http.server
        """Answer what it is and which models it has."""
        match self.path:
            case "/api/version":
                self.say(200, {"version": "0.0.0-standin"})
            case "/api/tags":
                about = {"family": "standin", "embedding_length": DIMENSIONS}
                self.say(200, {"models": [{"name": f"{MODEL}:latest", "model": MODEL, "details": about}]})
            case _:
                self.say(404, {"error": "not found"})

    def do_POST(self) -> None:  # noqa: N802 - its name in http.server
        """Make vectors of texts."""
        began = time.monotonic_ns()
        try:
            asked = json.loads(self.body())
        except ValueError:
            self.say(400, {"error": "invalid JSON"})
            return
        if str(asked.get("model", "")).removesuffix(":latest") != MODEL:
            self.say(404, {"error": f'model "{asked.get("model")}" not found, try pulling it first'})
        elif self.path == "/api/embed":
            texts = asked.get("input", [])
            texts = [texts] if isinstance(texts, str) else texts
            said = {"model": asked["model"], "embeddings": [embedding(text) for text in texts]}
            self.say(200, {**said, "total_duration": time.monotonic_ns() - began})
        elif self.path == "/api/embeddings":
            self.say(200, {"embedding": embedding(str(asked.get("prompt", "")))})
        else:
            self.say(404, {"error": "not found"})


if __name__ == "__main__":
    serve(11434, Ollama)
