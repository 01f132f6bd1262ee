"""What every road promises of a job: begun once, found again, ended in time, unknown if nobody can tell."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from agent.errors import ContactLost, StepFailed, TimedOut
from agent.transport.ask import Get, Put, Sh
from agent.transport.road import Road
from tests.conform.ways import Way, until


def append(way: Way, text: str = "echo line >>$1/log; cat $1/log; echo said >&2; exit 5", **options) -> Sh:
    """A command whose every run leaves a line."""
    return Sh(text, way.folder, script=True, changes="adds a line", **options)


def lines(road: Road, way: Way) -> int:
    """How many lines were left."""
    return len(road.get(Get(f"{way.folder}/log")).splitlines())


def test_a_job_runs_once(road, way, job):
    """Asked again under the same name, by whomever, a finished job answers with its kept outcome."""
    first = road.run(append(way), job=job)
    assert (first.rc, first.out, first.err) == (5, b"line\n", b"said\n")
    again = way.another().run(append(way), job=job)
    assert (again.rc, again.out, again.err) == (5, b"line\n", b"said\n")
    assert lines(road, way) == 1
    assert road.run(append(way), job=f"{job}2").out == b"line\nline\n"


def test_a_job_gets_its_input_and_the_usual_umask(road, way, job):
    """A job reads what it was sent, and files it makes have the modes they would have without it."""
    done = road.run(Sh("cat; umask", script=True, stdin=b"in\0put", changes="x"), job=job)
    usual = road.run(Sh("umask", script=True)).out
    assert done.out == b"in\0put" + usual


def test_two_callers_at_once_run_a_job_once(road, way, job):
    """Of two concurrent callers one runs the job and the other waits for it; both get its outcome."""
    ask = append(way, "echo line >>$1/log; sleep 0.3; echo done")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: way.another().run(ask, job=job).text, range(4)))
    assert answers == ["done"] * 4
    assert lines(road, way) == 1


def test_a_running_job_is_waited_for(road, way, job):
    """Asked again while it runs, a job is not begun a second time: its end is awaited."""
    ask = append(way, "echo line >>$1/log; while [ ! -e $1/go ]; do sleep 0.1; done; echo gone")
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(way.another().run, ask, job=job)
        until(lambda: road.run(Sh("test", "-e", f"{way.folder}/log")).rc == 0)
        second = pool.submit(way.another().run, ask, job=job)
        road.put(Put(f"{way.folder}/go", b""))
        assert first.result().text == second.result().text == "gone"
    assert lines(road, way) == 1


def kill_it(road: Road, way: Way, job: str, ask: Sh) -> None:
    """Begin a job in the background and kill everything of it, so that no exit code is left."""
    folder = way.job_path(ask, job)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(way.another().run, ask, job=job)
        until(lambda: road.run(Sh("test", "-s", f"{way.folder}/pid")).rc == 0)
        kill = """
            read -r pid _ <"$1.1.pid"
            read -r command <"$2/pid"
            read -r _ _ _ parent _ <"/proc/$command/stat"
            kill -KILL "$pid" "$parent" "$command"
        """
        road.run(Sh(kill, folder, way.folder, script=True))
        with pytest.raises(ContactLost, match="unknown"):
            running.result()


BEGIN = "echo line >>$1/log; [ -e $1/pid ] && exit 6; echo $$ >$1/pid; exec sleep 600"


def test_a_killed_job_is_unknown(road, way, job):
    """A job that was begun and left no outcome is said to be unknown, and not begun again."""
    ask = append(way, BEGIN)
    kill_it(road, way, job, ask)
    with pytest.raises(ContactLost, match="begun and ended without leaving its outcome"):
        road.run(ask, job=job)
    assert lines(road, way) == 1


def test_a_killed_job_that_may_be_repeated_is_repeated(road, way, job):
    """With again=safe it is run again, once, by whoever asks first."""
    ask = append(way, BEGIN, again="safe")
    kill_it(road, way, job, ask)
    with ThreadPoolExecutor(3) as pool:
        codes = list(pool.map(lambda _: way.another().run(ask, job=job).rc, range(3)))
    assert codes == [6, 6, 6]
    assert lines(road, way) == 2


def test_a_job_from_before_a_restart_is_unknown(road, way, job):
    """A job begun under another boot of the host cannot be running, even where its process id is."""
    ask = append(way)
    folder = way.job_path(ask, job)
    road.run(Sh('mkdir -p "${1%/*}" && echo "1 0 1 another-boot" >"$1.1.pid"', folder, script=True))
    with pytest.raises(ContactLost, match="unknown"):
        road.run(ask, job=job)
    assert road.run(append(way, again="safe"), job=job).rc == 5
    assert lines(road, way) == 1


def test_a_job_past_its_time_is_ended_and_stays_so(road, way, job):
    """A job's time limit holds on the host, and asked again it is still the same end."""
    # A busy machine may not have come to the line when a short time is over.
    for limit in (way.limit, 5, 30):
        ask = append(way, "echo line >>$1/log; sleep 600", timeout=limit)
        for _ in range(2):
            with pytest.raises(TimedOut):
                road.run(ask, job=f"{job}{limit}")
        if road.run(Sh("test", "-e", f"{way.folder}/log")).rc == 0:
            break
    assert lines(road, way) == 1


def test_a_job_without_a_place_for_its_files_is_not_begun(road, way, job):
    """Where the folder of jobs cannot be made the command is not run."""
    blocked = replace(way.to, state_dir=f"{way.folder}/file")
    road.put(Put(f"{way.folder}/file", b""))
    with pytest.raises(StepFailed, match="was not begun"):
        way.roads(blocked).run(append(way, sudo=True), job=job)
    assert road.run(Sh("test", "-e", f"{way.folder}/log")).rc == 1


def test_what_a_job_leaves_is_read_by_its_owner_only(road, way, job):
    """Nobody else may read the files with a job's outputs; what it makes itself has the usual rights."""
    usual = road.run(Sh("umask", script=True)).text
    ask = append(way, "umask; echo line >>$1/log")
    assert road.run(ask, job=job).text == usual
    rights = road.run(Sh('stat -c %a "$1".*', way.job_path(ask, job), script=True)).text.split()
    assert rights == ["600"] * 4


def test_forgotten_jobs_are_gone(road, way, job):
    """At the end of a run its finished jobs leave nothing behind, and those of others stay."""
    other = f"other{job}"
    for name in (job, other):
        road.run(append(way), job=name)
    road.forget(job.split(".")[0])
    assert road.run(append(way), job=job).out == b"line\n" * 3
    assert road.run(append(way), job=other).out == b"line\n" * 2
    road.forget(job)
    road.forget(other)
