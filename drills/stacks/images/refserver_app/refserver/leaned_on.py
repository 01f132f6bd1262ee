"""The two services that RefServer leans on: Huridocs reads a PDF's layout, Ollama makes vectors of text."""

from __future__ import annotations

import httpx

from .errors import HelperDown, Unreadable
from .settings import Settings


class Helpers:
    """Clients of both, by their own HTTP routes; each call waits its time and no longer."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is connected yet."""
        self._settings = settings
        self._client = httpx.Client(timeout=settings.helper, trust_env=False)

    def read(self, pdf: bytes) -> tuple[str, int]:
        """Return a PDF's text in reading order and its number of pages.

        Raises:
            HelperDown, Unreadable: Huridocs does not answer, or finds nothing in it.
        """
        answer = self._ask(
            "Huridocs",
            "POST",
            f"{self._settings.huridocs}/",
            files={"file": ("document.pdf", pdf, "application/pdf")},
        )
        segments = answer.json() if answer.status_code == 200 else []
        if not segments:
            raise Unreadable("Huridocs found no text in it.")
        return "\n".join(each["text"] for each in segments), max(each["page_number"] for each in segments)

    def embed(self, text: str) -> list[float]:
        """Return the vector of a text.

        Raises:
            HelperDown: Ollama does not answer, or has not got the model.
        """
        wanted = {"model": self._settings.model, "input": text}
        answer = self._ask("Ollama", "POST", f"{self._settings.ollama}/api/embed", json=wanted)
        if answer.status_code != 200:
            raise HelperDown(f"Ollama: {answer.text[:120]}")
        vector: list[float] = answer.json()["embeddings"][0]
        return vector

    def trouble(self) -> dict[str, str]:
        """Return, by name, what is wrong with each of them; "" where it serves."""
        return {
            "ollama": self._pulse("Ollama", f"{self._settings.ollama}/api/version"),
            "huridocs": self._pulse("Huridocs", f"{self._settings.huridocs}/info"),
        }

    def _pulse(self, who: str, url: str) -> str:
        try:
            answer = self._ask(who, "GET", url)
        except HelperDown as error:
            return str(error)
        return "" if answer.status_code == 200 else f"{who} answers {answer.status_code}"

    def _ask(self, who: str, method: str, url: str, **more: object) -> httpx.Response:
        try:
            answer = self._client.request(method, url, **more)  # type: ignore[arg-type]
        except httpx.HTTPError as error:
            raise HelperDown(f"{who} does not answer ({type(error).__name__})") from None
        if answer.status_code >= 500:
            raise HelperDown(f"{who} answers {answer.status_code}")
        return answer
