"""Texts come in the language that was asked for, English where there is no other."""

import pytest

from agent.language import Words, choose_language, say


def test_korean_where_there_is_some():
    """A text without Korean is shown in English rather than not at all."""
    assert say(Words("stop", "정지"), "ko") == "정지"
    assert say(Words("stop", "정지"), "en") == "stop"
    assert say(Words("stop"), "ko") == "stop"
    assert say("plain", "ko") == "plain"


@pytest.mark.parametrize(
    ("flag", "env", "language"),
    [
        ("", {}, "en"),
        ("", {"LANG": "ko_KR.UTF-8"}, "ko"),
        ("", {"LANG": "ko_KR.UTF-8", "LC_ALL": "C"}, "en"),
        ("", {"LANG": "en_US.UTF-8", "LC_MESSAGES": "ko_KR"}, "ko"),
        ("", {"LANG": "ko", "LC_ALL": ""}, "ko"),
        ("en", {"LANG": "ko_KR.UTF-8"}, "en"),
        ("ko", {"LANG": "C"}, "ko"),
    ],
)
def test_the_flag_then_the_locale(flag, env, language):
    """LC_ALL, LC_MESSAGES, LANG: the first that is set decides, unless --lang does."""
    assert choose_language(flag, env) == language
