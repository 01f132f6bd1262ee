"""Pages with something wrong in them are carried out, not refused: else a drill that fails proves nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.inventory import read_inventory
from agent.naming import find_page
from agent.runbook.check import check_page
from agent.runbook.load import load_page
from drills import test_api_down_can_fail as api
from drills import test_mongodb_can_fail as mongodb
from drills import test_refserver_can_fail as refserver
from drills import test_region_switch_can_fail as region
from drills import test_switch_back as back
from drills.rig.altered import of_text, with_texts, without_step
from drills.subjects import switched

EXAMPLE = Path(__file__).parents[2] / "inventory/example"


def _problems(page: str, folder: Path) -> list[str]:
    loaded = load_page(find_page(page, [folder]), folders=[folder])
    return [str(problem) for problem in check_page(loaded, read_inventory(EXAMPLE))]


@pytest.mark.parametrize("gone", mongodb.GONE, ids=lambda gone: f"{gone.page}-{gone.do}")
def test_pages_of_mongodb_that_forget_a_step_are_carried_out(tmp_path: Path, gone: mongodb.Gone) -> None:
    """No step is left that names what none registers."""
    assert _problems(gone.page, without_step(gone.page, gone.do, tmp_path, gone.instead)) == []


@pytest.mark.parametrize("gone", api.GONE, ids=lambda gone: f"{gone.fault}-{gone.do}")
def test_pages_of_the_api_that_forget_a_step_are_carried_out(tmp_path: Path, gone: api.Gone) -> None:
    """No step is left that names what none registers."""
    instead = api.INSTEAD | (api.UNROLLED if gone.do == "app.roll_back" else {})
    assert _problems("api_down", without_step("api_down", gone.do, tmp_path, instead)) == []


def test_pages_of_a_lost_region_are_carried_out(tmp_path: Path) -> None:
    """The step that is left out is the page's own, and none of a page that it includes."""
    folder = without_step(region.PAGE, "service.set_env", tmp_path)
    assert _problems(region.PAGE, folder) == []
    left = load_page(find_page(region.PAGE, [folder]), folders=[folder])
    assert "switch" not in [step.id for step in left.steps]
    assert _problems(region.PAGE, of_text(region.PAGE, region.EMPTY_REDIS, tmp_path)) == []


@pytest.mark.parametrize("gone", sorted(region.FORGOTTEN))
def test_pages_of_a_lost_region_without_a_restore_are_carried_out(tmp_path: Path, gone: str) -> None:
    """What is left names nothing of what is gone."""
    folder = without_step(region.PAGE, gone, tmp_path, region.FORGOTTEN[gone])
    assert _problems(region.PAGE, folder) == []
    assert gone not in [step.id for step in load_page(find_page(region.PAGE, [folder])).steps]


@pytest.mark.parametrize("page", ["mongodb_cluster_loss", region.PAGE])
def test_pages_of_the_snapshot_alone_are_carried_out(tmp_path: Path, page: str) -> None:
    """Where the page that restores is another one, so is the page that includes it."""
    folder = with_texts("mongodb_cluster_loss", mongodb.SNAPSHOT, tmp_path)
    assert _problems(page, folder) == []
    steps = load_page(find_page(page, [folder]), folders=[folder]).every_step()
    assert "mongodb.restore_points" in [step.do for step in steps]


@pytest.mark.parametrize("text", [back.RESTART, switched.AWAY])
def test_pages_about_switching_are_carried_out(tmp_path: Path, text: str) -> None:
    """One sends the application away, the other does not bring it back."""
    assert _problems("switch_back", of_text("switch_back", text, tmp_path)) == []


def test_pages_of_refserver_are_carried_out(tmp_path: Path) -> None:
    """The step is there to be left out, and what is left is a page; so is the one that only restarts."""
    folder = without_step(refserver.PAGE, refserver.RESTORE, tmp_path)
    assert _problems(refserver.PAGE, folder) == []
    assert _problems("files_restore", of_text("files_restore", refserver.BY_RESTART, tmp_path)) == []


@pytest.mark.parametrize("text", [api.RESTART, api.NOTHING])
def test_pages_that_do_too_little_are_carried_out(tmp_path: Path, text: str) -> None:
    """They are pages like others."""
    assert _problems("api_down", of_text("api_down", text, tmp_path)) == []


def test_a_page_that_names_what_no_step_registers_is_refused(tmp_path: Path) -> None:
    """The check can fail: with nothing in the place of what the step registers, the page is a bad one."""
    (said,) = _problems("mongodb_pitr", without_step("mongodb_pitr", "mongodb.restore", tmp_path))
    assert "uses `restored`" in said
