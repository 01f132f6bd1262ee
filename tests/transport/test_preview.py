"""A preview shows what would change, the same each time, and no secret."""

import time

import pytest

from agent.inventory import Host
from agent.secrets import Secret
from agent.transport.ask import Action, Clock, Done, Put, Sh
from agent.transport.difference import difference
from agent.transport.fake import FakeRoad
from agent.transport.local import LocalRoad
from agent.transport.preview import UNKNOWN, preview


def test_how_a_file_would_change():
    """The usual unified diff; a new file is all new, the same file no difference."""
    assert difference("/etc/x", b"a\nb\nc\n", b"a\nB\nc\n").splitlines() == [
        "--- /etc/x", "+++ /etc/x", "@@ -1,3 +1,3 @@", " a", "-b", "+B", " c",
    ]  # fmt: skip
    assert difference("/etc/x", None, b"a\n").splitlines()[0] == "--- /dev/null"
    assert difference("/etc/x", b"a", b"a") == ""


@pytest.mark.parametrize("data", [b"\0", b"\xff"])
def test_what_is_no_text(data):
    """Binary is said to be so."""
    assert difference("/x", data, b"text") == "/x: binary, 1 bytes -> 4 bytes"
    assert difference("/x", None, data) == "/x: binary, none -> 1 bytes"


def test_a_secret_is_not_shown(monkeypatch):
    """Neither ours, in any line, nor one on the host which we were never told."""
    monkeypatch.setenv("PW", "ours-17")
    Secret("env", "PW").reveal()
    shown = difference(
        "/etc/redis.conf",
        b"requirepass theirs\nport 1\n api_token: 'theirs'\n",
        b"requirepass ours-17\nport 2\n# ours-17\n",
    )
    assert "theirs" not in shown
    assert "ours-17" not in shown
    assert "-requirepass ••••" in shown
    assert "+port 2" in shown


def test_a_long_one_is_cut_and_a_file_cannot_speak_to_the_terminal():
    """400 lines, and how many more; escape sequences are not passed on."""
    shown = difference("/x", None, b"\x1b[31mred\n" * 1000)
    assert shown.splitlines()[-1] == "[... 603 lines more ...]"
    assert "\x1b" not in shown


def write(path: str) -> Action[str]:
    """Write a file named by the moment, and one that is always the same."""
    now: float = yield Clock()
    name = f"{path}-{int(now)}"
    yield Put(path, b"new\n")
    yield Sh("cp", path, name, changes=f"copies to {_stamp(now)}", supposing=Done(0))
    return _stamp(now)


def _stamp(now: float) -> str:

    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))


def test_a_plan_says_no_moment():
    """What is named by the time of the run is shown so, in later previews of the plan too."""
    clocks: list[float] = []
    seen = preview(write("/x"), FakeRoad(), clocks=clocks)
    assert seen.changes[0] == "writes /x"
    assert seen.changes[1].startswith("copies to <UTC time>: ")

    def remove() -> Action[None]:
        yield Sh("rm", f"/y-{seen.result}", changes=f"removes /y-{seen.result}")

    assert preview(remove(), FakeRoad(), clocks=clocks).changes[0].startswith("removes /y-<UTC time>: ")


def test_files_are_read_only_when_they_are_asked_for(tmp_path):
    """With diff the present file is compared; nothing is written either way."""
    path = tmp_path / "file"
    path.write_text("old\n")
    road = LocalRoad(Host("here", road="local", state_dir=str(tmp_path / "state")))
    assert preview(write(str(path)), road).diffs == ()
    (shown,) = preview(write(str(path)), road, diff=True).diffs
    assert shown.splitlines()[-2:] == ["-old", "+new"]
    (shown,) = preview(write(str(tmp_path / "none")), road, diff=True).diffs
    assert shown.splitlines()[-1] == "+new"
    (shown,) = preview(write(str(tmp_path)), road, diff=True).diffs
    assert "as it is it cannot be shown" in shown
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_result_that_rests_on_a_guess_is_unknown():
    """A change is supposed to succeed; what it would say only the run knows."""

    def action() -> Action[str]:
        done: Done = yield Sh("date", changes="x")
        return done.text

    assert preview(action(), FakeRoad()).result is UNKNOWN
