"""What the documents show is true: commands exist, links lead somewhere, recipes work."""

import importlib.util
import re
import sys

import pytest

from agent.cli.codes import exit_codes
from agent.cli.parser import parse
from agent.errors import ProofFailed
from agent.inventory import Service, read_inventory
from agent.runbook.check import check_page
from agent.runbook.load import load_page
from agent.transport.fake import FakeRoad
from agent.transport.perform import perform
from tests.documents import DOCUMENTS, ROOT, commands, recipes

SHOWN = [(path.relative_to(ROOT), words) for path in DOCUMENTS for words in commands(path)]


@pytest.mark.parametrize(("document", "words"), SHOWN, ids=lambda value: str(value)[:60])
def test_every_command_shown_exists(document, words):
    """A drillyard command parses; a make target is there; what else is run is a file of ours."""
    match words[0]:
        case "drillyard":
            parse(words[1:])
        case "make":
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        case ".venv/bin/pytest" | ".venv/bin/python" | "python":
            named = [word for word in words[1:] if "/" in word and not word.startswith("-")]
            assert all((ROOT / word).exists() for word in named)
        case other:
            pytest.fail(f"{document} shows {other}, which no test knows how to try")


def test_documents_show_commands():
    """The test above has something to test."""
    assert len(SHOWN) > 15


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    """Every relative link of a document is a file."""
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text()):
        assert (document.parent / target).exists(), target


def test_the_page_recipe_is_sound(tmp_path):
    """The page of the recipe loads and fits the example inventory."""
    (tmp_path / "redis_snapshot.yml").write_text(recipes()["pages/redis_snapshot.yml"])
    page = load_page("redis_snapshot", [tmp_path])
    assert not check_page(page, read_inventory(ROOT / "inventory/example"))


def test_the_system_recipe_works(tmp_path):
    """The system of the recipe writes its message, and proves it both ways."""
    path = tmp_path / "motd.py"
    path.write_text(recipes()["agent/systems/motd.py"])
    spec = importlib.util.spec_from_file_location("motd_recipe", path)
    motd = importlib.util.module_from_spec(spec)
    sys.modules["motd_recipe"] = motd
    spec.loader.exec_module(motd)
    where = motd.Motd.of(Service("motd", "one", "systemd", "", {"path": "/etc/motd"}))
    road = FakeRoad({"cat /etc/motd": "hello\n"})
    perform(motd.write(where, "hello"), road)
    assert road.files == {"/etc/motd": b"hello"}
    perform(motd.prove(where, "hello"), road)
    with pytest.raises(ProofFailed, match="should say 'bye'"):
        perform(motd.prove(where, "bye"), road)


def test_glossary_words_are_used():
    """A word of the glossary stands somewhere in the code or the pages; else it is not one of ours."""
    text = " ".join(
        path.read_text().lower()
        for folder in ("agent", "drills", "docs")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".yml", ".md") and path.name != "glossary.md"
    )
    words = re.findall(r"^\| ([a-zA-Z ]+) \|", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE)
    assert not [word for word in words if word != "word" and word.lower() not in text]


def test_every_exit_code_that_is_written_is_one():
    """A script is written by what a page says: each number stands in --help too."""
    known = {int(code) for code in re.findall(r"^ +(\d+)  ", exit_codes(), re.MULTILINE)} | {0, 1, 2, 3, 141}
    pages = [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")]
    written = {
        (page.name, int(code))
        for page in pages
        for code in re.findall(r"(?:exit code|with code|종료 코드(?:는)?) (\d+)", page.read_text())
    }
    assert {code for _, code in written} >= {24, 51, 141}
    assert [each for each in sorted(written) if each[1] not in known] == []
