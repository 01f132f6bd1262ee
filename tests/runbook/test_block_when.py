"""What goes wrong in a page's expressions is a failed step, where it can still be rescued."""

from pathlib import Path

from agent.cli import main


def ran(folder: Path, text: str) -> int:
    """Run a page on a local host; return its exit code."""
    host = f"{{ansible_connection: local, drillyard_state_dir: {folder}/state}}"
    (folder / "hosts.yml").write_text(f"all: {{hosts: {{one: {host}}}}}\n")
    (folder / "page.yml").write_text(text.replace("LOG", str(folder / "log")))
    words = [str(folder / "page.yml"), "-i", str(folder / "hosts.yml"), "--runs", str(folder / "runs")]
    return main(["run", *words])


WHEN = """
title: A block whose when cannot be told
params: {count: {type: number, default: 0}}
steps:
  - id: outer
    block:
      - id: inner
        when: "10 / count > 1"
        block: [{id: never, sh: echo never >> LOG, changes: a line}]
        rescue: [{id: rescued, sh: echo rescued >> LOG; exit CODE, changes: a line}]
        always: [{id: always, sh: echo always >> LOG, changes: a line}]
      - {id: next, sh: echo next >> LOG, changes: a line}
    rescue: [{id: outside, sh: echo outside >> LOG, changes: a line}]
"""


def test_a_when_that_cannot_be_told_reaches_the_rescue(tmp_path):
    """The block's own, and its always."""
    assert ran(tmp_path, WHEN.replace("CODE", "0")) == 0
    assert (tmp_path / "log").read_text().split() == ["rescued", "always", "next"]


def test_or_the_rescue_outside(tmp_path):
    """Where its own fails as well."""
    assert ran(tmp_path, WHEN.replace("CODE", "3")) == 0
    assert (tmp_path / "log").read_text().split() == ["rescued", "always", "outside"]


def test_an_until_sees_the_parameters_of_its_page(tmp_path):
    """Those that an included page was given."""
    (tmp_path / "inner.yml").write_text(
        f"""title: Inner
params: {{wanted: {{type: number, default: 9}}}}
steps:
  - id: again
    sh: echo x >> {tmp_path}/log; wc -l < {tmp_path}/log
    changes: a line
    retry: {{times: 5, every: 0.01, until: "result.out | int >= wanted"}}
"""
    )
    assert ran(tmp_path, "title: Outer\nsteps: [{include: inner, with: {wanted: 2}}]\n") == 0
    assert (tmp_path / "log").read_text() == "x\nx\n"
