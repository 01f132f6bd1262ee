"""What users are told when something did not work, and by which status."""

from __future__ import annotations


class CannotWork(Exception):
    """The service itself lacks something it needs: 503, and nothing was taken in."""


class HelperDown(Exception):
    """Ollama or Huridocs does not answer: what was taken in waits for it."""


class Unreadable(Exception):
    """What was sent is no PDF that anything can be read from: 422."""
