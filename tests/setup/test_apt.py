"""Packages are installed without their services, and the machine's own policy comes back."""

import subprocess
from pathlib import Path

import pytest

from setup import apt, servers


def test_services_are_denied_for_the_time_of_the_block_only(tmp_path: Path) -> None:
    """Without a policy before, there is none after, and 101 (denied) between."""
    policy = tmp_path / "policy-rc.d"
    with apt.no_service_starts(policy):
        assert subprocess.run([policy, "redis-server", "start"], check=False).returncode == 101
    assert not policy.exists()


def test_the_policy_that_was_there_is_restored(tmp_path: Path) -> None:
    """Content and mode come back, after a failure too."""
    policy = tmp_path / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 104\n")
    policy.chmod(0o744)
    with pytest.raises(ZeroDivisionError), apt.no_service_starts(policy):
        raise ZeroDivisionError
    assert policy.read_text() == "#!/bin/sh\nexit 104\n"
    assert policy.stat().st_mode & 0o777 == 0o744


def test_where_we_may_not_install_the_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not root on Debian: the packages, the reason, the command."""
    monkeypatch.setattr(apt, "possible", lambda: False)
    with pytest.raises(apt.NotInstalled, match=r"sudo apt-get install redis-server") as error:
        apt.install("redis-server", because="the tests run against real servers")
    assert "real servers" in str(error.value)


def test_a_program_in_the_systems_own_folders_is_not_missing() -> None:
    """sshd lies in /usr/sbin, which is not on everybody's PATH."""
    assert "openssh-server" not in servers.missing("/nonexistent")
    assert "redis-server" in servers.missing("/nonexistent")
