"""When an image is built anew."""

from collections.abc import Callable
from pathlib import Path

import pytest

from drills.rig import images


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A folder to build from."""
    folder = tmp_path / "host"
    (folder / "files").mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / "files/a").write_text("one")
    return folder


CHANGES: dict[str, Callable[[Path], object]] = {
    "content": lambda folder: (folder / "files/a").write_text("two"),
    "name": lambda folder: (folder / "files/a").rename(folder / "files/b"),
    "new file": lambda folder: (folder / "files/c").write_text(""),
    "executable": lambda folder: (folder / "files/a").chmod(0o755),
    "gone": lambda folder: (folder / "files/a").unlink(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_input_is_another_image(context: Path, change: str) -> None:
    """Whatever a build reads decides its tag."""
    before = images.tag(context, "debian:bookworm-slim")
    CHANGES[change](context)
    assert images.tag(context, "debian:bookworm-slim") != before


def test_the_same_content_is_the_same_image(context: Path, tmp_path: Path) -> None:
    """Neither time nor place of a checkout decides, nor what its umask made of the modes."""
    before = images.tag(context, "debian:bookworm-slim")
    (context / "files/a").touch()
    (context / "files/a").chmod(0o600)
    assert images.tag(context.rename(tmp_path / "host2").rename(context), "debian:bookworm-slim") == before


def test_another_base_is_another_image(context: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """BASE_IMAGE counts as an input."""
    monkeypatch.delenv("BASE_IMAGE", raising=False)
    plain = images.tag(context)
    monkeypatch.setenv("BASE_IMAGE", "mirror.example/debian:bookworm-slim")
    assert images.tag(context) != plain


def test_the_name_says_what_it_is(context: Path) -> None:
    """`make clean` knows ours by this name."""
    assert images.tag(context).startswith("drillyard/host:")
