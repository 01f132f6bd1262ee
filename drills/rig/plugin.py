"""What pytest knows of drills: options, nightly ones, the `night` fixture, the story on screen, figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from drills.rig.table import simulated, table

if TYPE_CHECKING:
    from drills.rig.course import Course
    from drills.rig.drill import Result

NIGHTLY = "nightly"
STORY = "the night"  # the section of a report that carries the lines of the story


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of drills."""
    group = parser.getgroup("drillyard", "disaster-recovery drills")
    group.addoption("--keep-stack", action="store_true", help="leave the stack up, and say how to get in")
    group.addoption(
        "--pages",
        action="append",
        default=[],
        metavar="DIR",
        help="a folder of pages searched before the agent's own; may be given again",
    )
    group.addoption(
        "--nightly",
        action="store_true",
        help="also what is too long for every change and not named by -k",
    )
    group.addoption("--runs", default="runs", metavar="DIR", help="where evidence is kept (runs)")
    group.addoption("--drill-rate", type=float, metavar="N", help="writes a second (200)")
    group.addoption("--drill-preload", type=int, metavar="N", help="writes loaded before the strike (20000)")
    group.addoption("--drill-seed", type=int, metavar="N", help="seed of writes and damage (1)")


def pytest_configure(config: pytest.Config) -> None:
    """Say what the markers mean."""
    for line in (
        f"{NIGHTLY}: too long for every change; run with --nightly, as at night",
        "storage: what holds the data fails (disk, mount, owners); `-k storage` picks these",
    ):
        config.addinivalue_line("markers", line)


# After -k has had its say.
@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked nightly, unless --nightly, -m or -k asks for it: what is named runs whole."""
    if config.option.nightly or config.option.keyword or NIGHTLY in config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker(NIGHTLY)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


class Night:
    """What a drill asks for: live through a course, and be told what it came to."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        """Lines go to the screen of this run of pytest, and into its report."""
        self._request = request
        self._config = request.config
        self.lines: list[str] = []
        self.result: Result | None = None

    def live(self, course: Course) -> Result:
        """Live through a course and return what it came to, whatever that is."""
        from drills.rig.drill import Drill, Place

        option = self._config.option
        wanted = {"rate": option.drill_rate, "preload": option.drill_preload, "seed": option.drill_seed}
        settings = replace(
            course.settings, **{key: value for key, value in wanted.items() if value is not None}
        )
        pages = tuple(Path(folder).absolute() for folder in option.pages)
        place = Place(Path(option.runs).absolute(), self._say, option.keep_stack)
        result = Drill(replace(course, settings=settings, pages=(*course.pages, *pages)), place).live()
        self.result = result
        self._note(result)
        return result

    def prove(self, course: Course) -> Result:
        """Live through a course; anything but a pass fails the test, with its reasons.

        What could not be verified is a failure too, never a skip.
        """
        result = self.live(course)
        if result.verdict.word == "fail":
            pytest.fail("\n".join(result.verdict.reasons), pytrace=False)
        if result.verdict.word == "unverified":
            pytest.fail("could not verify: " + "\n".join(result.verdict.reasons), pytrace=False)
        return result

    def _note(self, result: Result) -> None:
        rto, rpo = result.findings.measured.rto, result.findings.rpo.seconds
        found = result.findings.account
        for name, value in (
            ("verdict", result.verdict.word),
            ("simulated", ", ".join(result.verdict.simulated)),
            ("rto_seconds", None if rto is None else round(rto, 3)),
            ("rpo_seconds", None if rpo is None else round(rpo, 3)),
            ("acknowledged", None if found is None else found.acknowledged),
            ("lost", None if found is None else len(found.lost)),
            ("changed", None if found is None else len(found.changed)),
            ("evidence", result.folder.name),
        ):
            self._request.node.user_properties.append((name, value))

    def _say(self, line: str) -> None:
        self.lines.append(line)
        screen: Any = self._config.pluginmanager.get_plugin("terminalreporter")
        capture: Any = self._config.pluginmanager.get_plugin("capturemanager")
        # A worker of xdist has no screen: its lines travel with the report.
        if screen is None or hasattr(self._config, "workerinput"):
            return
        with capture.global_and_fixture_disabled():
            if len(self.lines) == 1:
                screen.write_line("")
            screen.write_line(line)


@pytest.fixture
def night(request: pytest.FixtureRequest) -> Iterator[Night]:
    """One bad night: `night.prove(course)` lives through it and fails where it was not proved."""
    lived = Night(request)
    yield lived
    if lived.lines:
        request.node.add_report_section("teardown", STORY, "\n".join(lived.lines))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Tell the stories of drills that passed in workers, which have no screen, and all figures in a table."""
    reports = [report for some in terminalreporter.stats.values() for report in some]
    if nights := _nights(reports):
        terminalreporter.section("nights")
        for line in (*table(nights), *simulated(nights)):
            terminalreporter.write_line(line)
    if not config.pluginmanager.hasplugin("dsession"):
        return
    failed = {getattr(report, "nodeid", "") for report in reports if getattr(report, "failed", False)}
    for report in reports:
        for title, text in getattr(report, "sections", ()):
            if title == f"Captured {STORY} teardown" and report.nodeid not in failed:
                terminalreporter.section(report.nodeid.rpartition("::")[2])
                terminalreporter.write_line(text)


def _nights(reports: Sequence[Any]) -> list[dict[str, object]]:
    """Return the figures of every night by its evidence: a test may live several, and has three reports."""
    found: dict[str, dict[str, object]] = {}
    for report in reports:
        night: dict[str, object] = {}
        for name, value in getattr(report, "user_properties", ()):
            night[name] = value
            if name == "evidence":
                marked = f"{night.get('verdict')}{', SIMULATED' if night.get('simulated') else ''}"
                found[value] = {**night, "night": value.partition("-")[2], "verdict": marked}
                night = {}
    return [found[name] for name in sorted(found)]
