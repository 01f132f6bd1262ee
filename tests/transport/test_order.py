"""What is sent to a host, word by word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import BadInventory
from agent.secrets import Secret
from agent.transport.ask import Sh
from agent.transport.greeting import greeted
from agent.transport.order import Me, file_name, job_of, limited, plain_order, sealed

ROOT = Me("root", 0, "/root", limits=True)
OTHER = Me("operator", 1000, "/home/operator", limits=False)


@given(st.text(min_size=1), st.text(min_size=1))
def test_different_jobs_have_different_files(one, other):
    """A job's files have plain names, and no two jobs share one."""
    names = []
    for name in (one, other):
        if name.strip("."):
            names.append(file_name(name))
        else:
            with pytest.raises(ValueError, match="cannot be the name"):
                file_name(name)
    assert all("/" not in name for name in names)
    if len(names) == 2 and one != other:
        assert names[0] != names[1]


def test_the_limit_is_kept_by_the_host():
    """GNU timeout where the host has it, else our own script, never neither."""
    assert limited(("ls",), 2.5, ROOT) == ("timeout", "-k", "5", "2.5", "ls")
    assert limited(("ls",), 60, ROOT)[3] == "60"
    assert limited(("ls",), 2.5, OTHER)[-3:] == ("3", "5", "ls")


def test_a_job_of_root_lies_in_the_state_folder():
    """Root's jobs lie in the host's state folder, everybody else's at home."""
    ask, roots = Sh("ls"), Sh("ls", sudo=True)
    assert job_of(ask, "a", "/state", ROOT).path == "/state/jobs/a"
    assert job_of(roots, "a", "/state", OTHER).path == "/state/jobs/a"
    assert job_of(ask, "a", "/state", OTHER).path == "/home/operator/.local/state/drillyard/jobs/a"


def test_no_secret_stands_in_the_words(monkeypatch):
    """A secret's value is in the input alone, its name and number of lines in the words."""
    monkeypatch.setenv("TOP", "hush\nhush")
    order = plain_order(Sh("psql", secrets={"PGPASSWORD": Secret("env", "TOP")}, stdin=b"rest"), ROOT)
    assert not any("hush" in word.split() for word in order.argv)
    assert order.argv[-5:] == ("sh", "PGPASSWORD", "2", "--", "psql")
    assert order.stdin == b"hush\nhush\nrest"


def test_a_secret_no_environment_can_hold_is_refused(tmp_path):
    """A NUL byte ends a variable; the sentence names the place in the inventory."""
    (tmp_path / "secret").write_bytes(b"a\0b")
    with pytest.raises(BadInventory, match=r"hosts.yml:3.*NUL"):
        sealed(("ls",), {"X": Secret("file", str(tmp_path / "secret"), at="hosts.yml:3")})
    with pytest.raises(ValueError, match="name of a variable"):
        sealed(("ls",), {"X=1;reboot": Secret("file", "/dev/null")})


def test_a_greeting_is_found_among_what_a_shell_prints_first():
    """Who we are is read from its own line, whatever a login script says around it."""
    said = b"Welcome!\ndrillyard-hello 1000 operator /home/my user\ntimeout (GNU coreutils) 9.1\n"
    assert greeted(said) == Me("operator", 1000, "/home/my user", limits=True)
    assert greeted(b"This account is currently not available.\n") is None
