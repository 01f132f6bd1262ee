"""Which stacks have their images built by the set-up, and which by the first night that wants them."""

from __future__ import annotations

from pathlib import Path

import pytest

from setup import images


def test_ours() -> None:
    """The chat stack is made ready; RefServer's, which is large, is not."""
    assert not images.lazily(images.STACKS / "chat")
    assert images.lazily(images.STACKS / "refserver")


def test_a_set_up_leaves_them_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Unless it is told to build them."""
    wanted: list[Path] = []
    monkeypatch.setattr(images, "ensure_of", lambda engine, stacks: wanted.extend(stacks))
    images.ensure(None, [tmp_path])  # type: ignore[arg-type]
    assert images.STACKS / "chat" in wanted
    assert images.STACKS / "refserver" not in wanted
    assert tmp_path in wanted
