"""What pytest knows of drills: options, the `night` fixture, the story on screen, the figures in reports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from drills.rig.course import Course
    from drills.rig.drill import Result

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
    group.addoption("--runs", default="runs", metavar="DIR", help="where evidence is kept (runs)")
    group.addoption("--drill-rate", type=float, metavar="N", help="writes a second (200)")
    group.addoption("--drill-preload", type=int, metavar="N", help="writes loaded before the strike (20000)")
    group.addoption("--drill-seed", type=int, metavar="N", help="seed of writes and damage (1)")


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
        for name, value in (
            ("verdict", result.verdict.word),
            ("rto_seconds", None if rto is None else round(rto, 3)),
            ("rpo_seconds", None if rpo is None else round(rpo, 3)),
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
    """Tell the stories of drills that passed in workers, which have no screen; pytest tells the others."""
    if not config.pluginmanager.hasplugin("dsession"):
        return
    reports = [report for some in terminalreporter.stats.values() for report in some]
    failed = {getattr(report, "nodeid", "") for report in reports if getattr(report, "failed", False)}
    for report in reports:
        for title, text in getattr(report, "sections", ()):
            if title == f"Captured {STORY} teardown" and report.nodeid not in failed:
                terminalreporter.section(report.nodeid.rpartition("::")[2])
                terminalreporter.write_line(text)
