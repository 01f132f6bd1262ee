"""When the environment is brought up to date."""

from pathlib import Path

import pytest

from setup import venv


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one wish and one pin."""
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "constraints.txt").write_text("a==1\n")
    return tmp_path


def test_the_same_project_and_python_need_nothing(project: Path) -> None:
    """Touching a file changes nothing."""
    before = venv.fingerprint(project, "3.11")
    (project / "pyproject.toml").touch()
    assert venv.fingerprint(project, "3.11") == before


@pytest.mark.parametrize("file", ["pyproject.toml", "constraints.txt"])
def test_a_changed_file_needs_an_installation(project: Path, file: str) -> None:
    """Both the project's wishes and the pins decide."""
    before = venv.fingerprint(project, "3.11")
    with (project / file).open("a") as text:
        text.write("# more\n")
    assert venv.fingerprint(project, "3.11") != before


def test_another_python_needs_an_installation(project: Path) -> None:
    """An environment belongs to one Python."""
    assert venv.fingerprint(project, "3.11") != venv.fingerprint(project, "3.12")


def test_every_dependency_is_pinned() -> None:
    """constraints.txt names exact releases and nothing else: no host, no path, no hash."""
    lines = (venv.ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert pins
    for pin in pins:
        name, _, release = pin.partition("==")
        assert name
        assert release
        assert not {"/", "@", "--", " "} & set(pin), pin
