"""A text in English and Korean, and which of the two to show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

Language = Literal["en", "ko"]


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The same text in both languages; Korean may be missing, English never is."""

    en: str
    ko: str = ""


Text = str | Words


def say(text: Text, language: Language = "en") -> str:
    """Return `text` in a language, or in English where it has no other."""
    if isinstance(text, str):
        return text
    return text.ko if language == "ko" and text.ko else text.en


def choose_language(flag: str, env: Mapping[str, str]) -> Language:
    """Return the language to speak: the flag's, else the locale's, else English.

    `env` is the process environment; of LC_ALL, LC_MESSAGES and LANG the first that is set decides, as
    POSIX has it.
    """
    asked = flag or next((env[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if env.get(name)), "")
    return "ko" if asked.lower().startswith("ko") else "en"
