"""Which images are ours, and which folders are built."""

from pathlib import Path

import pytest

from drills.rig import images
from setup import clean
from setup.images import contexts


@pytest.mark.parametrize(
    ("tags", "ours"),
    [
        (["drillyard/redis_host:1f"], True),
        (["debian:bookworm-slim"], True),
        ([], True),
        (["theirs/app:1"], False),
        (["drillyard/redis_host:1f", "theirs/app:1"], False),
        (["drillyard-like/x:1"], False),
    ],
)
def test_an_image_is_ours_by_label_and_by_name(tags: list[str], ours: bool) -> None:
    """What somebody built on our base inherits the label, and stays."""
    assert clean.ours(tags) is ours


def test_every_build_of_a_stack_is_found(tmp_path: Path) -> None:
    """Both spellings of `build`, the toolbox, each folder once; an image from elsewhere is not built."""
    (tmp_path / "compose.yml").write_text(
        "services:\n  a: {build: ./x}\n  b: {build: {context: y}}\n  c: {build: x}\n  d: {image: nginx}\n"
    )
    assert set(contexts([tmp_path])) == {tmp_path / "x", tmp_path / "y", images.TOOLBOX.resolve()}
