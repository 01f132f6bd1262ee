"""`runbooks check` passes over our pages about what a world does not have, and nobody else's."""

from pathlib import Path

import pytest

from agent.cli import main

HOSTS = """all:
  children:
    redis:
      hosts:
        one: {ansible_connection: local, serves: {redis: {supervisor: systemd, unit: redis-server}}}
"""
MORE = """
    mongodb:
      hosts:
        two: {ansible_connection: local, serves: {mongodb: {supervisor: docker, unit: mongo}}}
    api:
      hosts:
        three: {ansible_connection: local, serves: {app: {supervisor: docker, unit: api}}}
"""


def test_our_pages_for_others_are_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """They are named, and are no error; a page of one's own about what nobody serves still is one."""
    (tmp_path / "hosts.yml").write_text(HOSTS)
    words = ["runbooks", "check", "-i", str(tmp_path / "hosts.yml")]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "mongodb_pitr" in said.partition("Not for these hosts")[2]
    assert "redis_aof" not in said
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "own.yml").write_text("title: Own\nsystem: mongodb\nsteps: [{do: mongodb.status}]\n")
    assert main([*words, "--pages", str(mine)]) == 20
    assert "own.yml:1: none of the hosts" in capsys.readouterr().out


def test_our_pages_for_groups_that_are_not_there_are_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Who has Redis, MongoDB and an application, and no other region, is not told of a mistake."""
    (tmp_path / "hosts.yml").write_text(HOSTS + MORE)
    where = ["-i", str(tmp_path / "hosts.yml")]
    assert main(["runbooks", "check", "region_switch", "mongodb_cluster_loss", *where]) == 0
    said = capsys.readouterr().out
    assert "1 page is sound" in said
    assert "region_switch" in said.partition("Not for these hosts")[2]
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "own.yml").write_text("title: Own\nsystem: redis\non: redis_dr\nsteps: [{do: redis.status}]\n")
    assert main(["runbooks", "check", "own", *where, "--pages", str(mine)]) == 20
    assert "redis_dr" in capsys.readouterr().out
