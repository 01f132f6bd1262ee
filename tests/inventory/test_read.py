"""An inventory in Ansible's layout is read as Ansible reads it, and a bad one is refused with its line."""

import dataclasses
import re
from pathlib import Path

import pytest

from agent.at_rest.model import AtRest
from agent.errors import BadInventory
from agent.inventory import match, read_inventory
from agent.inventory.settings import KNOWN, meant
from agent.providers.atlas.settings import Atlas
from agent.secrets import Secret
from agent.systems.app.server import App
from agent.systems.mongodb.server import Mongodb
from agent.systems.redis.server import Redis
from tests.documents import ROOT

EXAMPLE = Path(__file__).parents[2] / "inventory" / "example"

NESTED = """
all:
  vars: {a: all, b: all, c: all, d: all, e: all}
  children:
    cache:
      vars: {b: cache, c: cache}
      children:
        redis:
          vars: {c: redis}
          hosts:
            redis[1:3]:
              ansible_port: 2222
            redis2: {d: redis2}
    web:
      hosts:
        web[01:05:2].example:
        redis1:
"""


def test_groups_hold_the_hosts_of_their_children(folder):
    """A host may be in several groups; ranges are expanded; the order is that of first mention."""
    world = folder.read(NESTED)
    assert list(world.hosts) == [
        "redis1", "redis2", "redis3", "web01.example", "web03.example", "web05.example",
    ]  # fmt: skip
    assert world.groups["cache"] == ("redis1", "redis2", "redis3")
    assert world.groups["web"] == ("web01.example", "web03.example", "web05.example", "redis1")
    assert world.hosts["redis1"].groups == ("all", "cache", "redis", "web")
    assert world.children == {"all": ("cache", "web"), "cache": ("redis",)}
    assert "ungrouped" not in world.groups


def test_the_more_particular_variable_wins(folder):
    """All < parent < child < host, and group_vars/ over the inventory's own vars, as Ansible has it."""
    folder.write("group_vars/all.yml", "b: gv_all\ne: gv_all")
    folder.write("group_vars/cache/one.yml", "c: gv_cache")
    folder.write("group_vars/cache/two.yaml", "f: gv_two")
    folder.write("host_vars/redis3.json", '{"d": "hv", "ansible_port": 2200}')
    world = folder.read(NESTED)
    assert world.hosts["redis2"].vars == {
        "a": "all", "b": "gv_all", "c": "gv_cache", "d": "redis2", "e": "gv_all", "f": "gv_two",
        "ansible_port": 2222,
    }  # fmt: skip
    assert world.hosts["redis3"].vars["d"] == "hv"
    assert world.hosts["redis3"].port == 2200
    assert world.hosts["redis2"].port == 2222


def test_equal_depth_goes_by_priority_then_by_name(folder):
    """Of two groups at the same depth the later name wins, unless a priority says otherwise."""
    text = "a: {hosts: {h: }, vars: {v: a%s}}\nb: {hosts: {h: }, vars: {v: b}}"
    assert folder.read(text % "").hosts["h"].vars == {"v": "b"}
    assert folder.read(text % ", ansible_group_priority: 10").hosts["h"].vars == {"v": "a"}


def test_later_sources_win_and_a_folder_is_its_files(folder):
    """Several sources make one inventory."""
    one = folder.write("one/hosts.yml", "all: {hosts: {h: {a: 1, b: 1}}}")
    folder.write("two/x.yml", "web: {hosts: {h: {a: 2}}}")
    folder.write("two/y.ini", "[db]\ng a=3\n")
    folder.write("two/group_vars/db.yml", "c: 4")
    folder.write("two/notes.md", "# not an inventory")
    world = read_inventory(one, folder.path / "two")
    assert world.hosts["h"].vars == {"a": 2, "b": 1}
    assert world.hosts["g"].vars == {"a": 3, "c": 4}


def test_the_road_to_a_host(folder):
    """Ansible's names for connection, user, port, key, jump host and known hosts are understood."""
    world = folder.read(
        """
all:
  hosts:
    ssh1:
      ansible_host: 10.0.0.1
      ansible_user: operator
      ansible_become: "yes"
      ansible_become_user: root
      ansible_become_method: ansible.builtin.sudo
      ansible_ssh_private_key_file: keys/id
      ansible_ssh_common_args: -C -J op@bastion:2200 -o UserKnownHostsFile=kh -o StrictHostKeyChecking=no
      env: production
      drillyard_state_dir: /srv/state
    ssh2: {ansible_ssh_common_args: '-o ProxyCommand="ssh -q -p 2222 -W %h:%p op@bastion"'}
    ssh3: {ansible_ssh_common_args: -oUserKnownHostsFile=/dev/null, drillyard_known_hosts: ~/kh}
    here: {ansible_connection: local}
    box: {ansible_connection: community.docker.docker, ansible_host: chat-redis-1}
"""
    )
    one = world.hosts["ssh1"]
    assert (one.road, one.address, one.port, one.user, one.become) == (
        "ssh",
        "10.0.0.1",
        22,
        "operator",
        True,
    )
    assert one.key_file == str(folder.path / "keys/id")
    assert (one.jump, one.known_hosts) == ("op@bastion:2200", str(folder.path / "kh"))
    assert (one.environment, one.state_dir) == ("production", "/srv/state")
    assert str(one.at) == f"{folder.path}/hosts.yml:4"
    assert world.hosts["ssh2"].jump == "op@bastion:2222"
    assert world.hosts["ssh3"].known_hosts == str(Path.home() / "kh")
    assert (world.hosts["here"].road, world.hosts["here"].address) == ("local", "")
    assert (world.hosts["box"].road, world.hosts["box"].address) == ("docker", "chat-redis-1")


def test_relative_paths_in_group_vars_start_beside_the_inventory(folder):
    """A key, a known_hosts and a secret's file are found from where the inventory lies, not from here."""
    folder.write("group_vars/all/paths.yml", "drillyard_known_hosts: kh\nx_password: !file secrets/x")
    world = folder.read("all: {hosts: {h: }}")
    assert world.hosts["h"].known_hosts == str(folder.path / "kh")
    assert world.hosts["h"].vars["x_password"].where == str(folder.path / "secrets/x")


SERVES = """
all:
  hosts:
    redis1:
      serves:
        redis:
          %s
"""


def test_a_service_knows_where_it_is_written(folder):
    """Supervisor and unit are its own fields, everything else a setting, and secrets are not looked up."""
    service = (
        folder.read(SERVES % "{supervisor: systemd, unit: redis-server, port: 6380, password: !env NOT_SET}")
        .hosts["redis1"]
        .service("redis")
    )
    assert (service.supervisor, service.unit, service.host) == ("systemd", "redis-server", "redis1")
    assert service.settings["password"] == Secret("env", "NOT_SET", f"{folder.path}/hosts.yml:7")
    assert service.number("port") == 6380
    assert str(service.at) == f"{folder.path}/hosts.yml:6"


def test_serves_is_merged_setting_by_setting(folder):
    """A host changes one setting of its group without saying the others again."""
    folder.write("group_vars/all.yml", "serves: {redis: {supervisor: systemd, unit: redis-server, port: 1}}")
    folder.write("host_vars/b.yml", "serves: {redis: {port: 2}}")
    world = folder.read("all: {hosts: {a: , b: }}")
    ports = [world.hosts[name].service("redis").number("port") for name in "ab"]
    assert ports == [1, 2]
    assert world.hosts["b"].service("redis").unit == "redis-server"


def test_the_example_is_sound():
    """The production-shaped example loads, without any of its secrets being there."""
    world = read_inventory(EXAMPLE)
    assert {host.environment for host in world} == {"production"}
    assert [host.service("redis").number("port") for host in match(world, "redis")] == [6379, 6379, 6380]
    assert world.hosts["api-busan-01.chat.example"].jump == "operator@bastion-busan.chat.example"
    assert world.hosts["api-seoul-01.chat.example"].jump == "operator@bastion.chat.example"
    assert len(world.groups["api"]) == 6


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 0, "expected at least one host"),
        ("all: {hosts: }", 0, "expected at least one host"),
        ("all:\n  hosts:\n    a:\n    a:\n", 4, "a stands here a second time, first in line 3"),
        ("- a", 1, "expected groups (all: hosts: ...), found a list"),
        ("hosts: {a: }", 1, "expected the name of a group, found hosts"),
        ("all:\n  hsots: {a: }", 2, "expected hosts, children or vars. Did you mean hosts?"),
        ("all:\n  hosts: [a]", 2, "hosts should be a mapping (name: ...), found a list"),
        ("all:\n  hosts:\n    a: 5", 3, "expected variables (name: value), found a number"),
        ("all:\n  vars: x\n  hosts: {a: }", 2, "expected variables"),
        ("all:\n  hosts:\n    a[3:1]:", 3, "runs backwards"),
        ("all:\n  hosts:\n    a[01:3]:", 3, "as many digits"),
        ("all:\n  hosts:\n    a[0:99999999]:", 3, "more than 10000 hosts"),
        ("all:\n  hosts:\n    a[x:", 3, "expected a range such as"),
        ("all:\n  hosts:\n    a: {ansible_port: 0}", 3, "should be a port between 1 and 65535, found 0"),
        ("all:\n  hosts:\n    a: {ansible_port: ssh}", 3, "between 1 and 65535, found 'ssh'"),
        ("all:\n  hosts:\n    a:\n      ansible_connection: shh", 4, "found 'shh'. Did you mean ssh?"),
        ("all:\n  hosts:\n    a: {ansible_become: maybe}", 3, "should be yes or no, found 'maybe'"),
        (
            "all:\n  hosts:\n    a:\n      ansible_become: true\n      ansible_become_user: postgres",
            5,
            "ansible_become_user of a should be root, found 'postgres'",
        ),
        (
            "all:\n  hosts:\n    a: {ansible_become: true, ansible_become_user: app.root}",
            3,
            "ansible_become_user of a should be root, found 'app.root'",
        ),
        (
            "all:\n  hosts:\n    a: {ansible_become: true, ansible_become_method: su}",
            3,
            "ansible_become_method of a should be sudo, found 'su'",
        ),
        ("all:\n  hosts:\n    a: {ansible_host: [1]}", 3, "ansible_host of a should be text, found a list"),
        ("all:\n  hosts:\n    a: {ansible_host: '{{ x }}'}", 3, "is a template"),
        ("all:\n  hosts:\n    a: {b: \"x}", 3, "not sound YAML"),
        ("all:\n  hosts:\n    a: {ansible_ssh_common_args: \"-J 'x\"}", 3, "No closing quotation"),
        ("all:\n  hosts:\n    a: {ansible_ssh_common_args: -o ProxyCommand='nc x y'}", 3, "is no jump host"),
        ("a: {children: {b: {children: {a: }}}, hosts: {h: }}", 1, "would contain each other"),
        ("a:\n  hosts: {h: {redis_password: hunter2}}", 2, "redis_password is written out"),
        ("a:\n  hosts: {h: {x: {api_token: 12345}}}", 2, "api_token is written out"),
        ("a:\n  vars: {dbPassword: hunter2}", 2, "dbPassword is written out"),
        ("a:\n  vars: {db-password: hunter2}", 2, "db-password is written out"),
        ("a:\n  vars: {requirepass: hunter2}", 2, "requirepass is written out"),
        ("a:\n  vars: {redis_auth: hunter2}", 2, "redis_auth is written out"),
        ("a:\n  vars: {conf: {masterauth: hunter2}}", 2, "masterauth is written out"),
        ("a:\n  vars:\n    apiKey: hunter2", 3, "apiKey is written out"),
        ("a:\n  vars:\n    url:\n    - mongodb://u:hunter2@h/db", 4, "url is an address with a password"),
        ("a:\n  vars: {u: 'x=redis://:hunter2@h:6379/0 y'}", 2, "u is an address with a password"),
        ("a:\n  vars:\n    keys:\n    - secret: !vault x", 4, "!vault is followed by 'x'"),
        ("a:\n  vars: {p: !evn X}", 2, "the tag !evn is not known here; known are !env, !file"),
        ("a:\n  vars: {p: !env }", 2, "!env is followed by nothing"),
        ("plugin: amazon.aws.aws_ec2", 1, "plugins are not run here"),
        (SERVES % "{unit: x}", 6, "redis1 serves redis without `supervisor`"),
        (SERVES % "{supervisr: systemd, unit: x}", 6, "Did you mean supervisor by supervisr?"),
        (SERVES % "{supervisor: systemd}", 6, "redis1 serves redis without `unit`"),
        (SERVES % "{supervisor: sistemd, unit: x}", 7, "the unknown supervisor sistemd"),
        (SERVES % "{supervisor: systemd, unit: 5}", 7, "unit of redis on redis1 should be text"),
        (SERVES % "{supervisor: systemd, unit: x, data_dri: /x}", 7, "Did you mean data_dir?"),
        (SERVES % "{supervisor: systemd, unit: x, data_dir: '{{ d }}'}", 7, "redis1 is a template"),
        (SERVES % "{supervisor: systemd, unit: '{{ u }}'}", 7, "unit of redis on redis1 is a template"),
        (SERVES % "- x", 6, "redis of redis1 should be a mapping of settings, found a list"),
        ("a: {hosts: {h: {serves: {rediss: {}}}}}", 1, "the unknown system rediss"),
        ("a: {hosts: {h: {serves: redis}}}", 1, "serves of h should be a mapping"),
    ],
)  # fmt: skip
def test_a_bad_inventory_is_refused_with_file_and_line(folder, text, line, said):
    """Each mistake is one sentence that says where and what was expected."""
    with pytest.raises(BadInventory) as error:
        folder.read(text)
    assert said in str(error.value)
    assert str(error.value).startswith(str(folder.path / "hosts.yml") + (f":{line}:" if line else ""))


def test_every_setting_that_is_read_is_known():
    """A setting that somebody of ours asks a service for is no mistake of whoever writes it."""
    asked = re.compile(
        r"(?:service\.(?:text|number|secret|settings\.get)\(|_(?:matching|list|flag|bytes)\(service, )"
        r"\s*\"(\w+)\""
    )
    files = [path for path in (ROOT / "agent").rglob("*.py") if path.parent.name != "inventory"]
    names = {name for path in files for name in asked.findall(path.read_text())}
    assert {"port", "project_dir", "s3_endpoint", "aws_region"} <= names
    assert names <= KNOWN
    for kind in (AtRest, Mongodb, Redis, App, Atlas):
        made = {"host", "unit", "container", "seen", "stream", "hosted", "vaulted", "service"}
        made |= {"identity", "secret", "key"} if kind is Atlas else set()
        assert {each.name for each in dataclasses.fields(kind)} - made <= KNOWN, kind


def test_a_setting_of_your_own_is_yours():
    """An action of your own may read it; only what resembles one of ours is a mistake."""
    assert [meant(key) for key in ("prot", "datadir", "shipto", "pasword")] == [
        *("port", "data_dir", "ship_to", "password")
    ]
    assert [meant(key) for key in ("version", "team", "note", "quoted", "port")] == [""] * 5
    assert meant("regoin", provided=True) == "region"


@pytest.mark.parametrize(
    "text",
    [
        "all:\n  hosts:\n    r1:\n    r2:\n",
        "---\nall: {hosts: {r1: , r2: }}\n",
        "# ours\nall:  # everything\n  children:\n    a: {hosts: {r1: , r2: }}\n",
        '{"a": {"hosts": ["r1", "r2"]}}',
        '"a":\n  hosts: {r1: , r2: }\n',
        "r1\nr2 ansible_host=::1\n",
        "[a]\nr[1:2]\n",
    ],
)
def test_a_file_without_an_ending_is_what_its_first_line_says(tmp_path, text):
    """Ansible tries YAML first there; as INI each line of it would be a host."""
    (tmp_path / "hosts").write_text(text)
    assert [host.name for host in read_inventory(tmp_path / "hosts")] == ["r1", "r2"]


@pytest.mark.parametrize("name", ["prod/hosts", "prod/hosts.yml", "prod/web.ini", "prod/inventory.json"])
def test_an_inventory_in_a_folder_of_a_folder_is_not_passed_over(tmp_path, name):
    """Ansible reads it, so its hosts would be missing; what else lies in folders is nobody's business."""
    (tmp_path / "top.ini").write_text("top\n")
    for other in ("secrets/redis", "group_vars/hosts.yml", "pages/demo.yml", ".git/hosts"):
        (tmp_path / other).parent.mkdir(exist_ok=True)
        (tmp_path / other).write_text("env: test\n")
    assert [host.name for host in read_inventory(tmp_path)] == ["top"]
    (tmp_path / "prod").mkdir()
    (tmp_path / name).write_text("x\n")
    with pytest.raises(BadInventory, match=f"{name}: an inventory in a folder.*-i {tmp_path}/prod"):
        read_inventory(tmp_path)


def test_a_source_that_is_not_there_is_said(tmp_path):
    """A missing path is named."""
    with pytest.raises(BadInventory, match="found no such file"):
        read_inventory(tmp_path / "none")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("public_key: ssh-ed25519 AAAA", "ssh-ed25519 AAAA"),
        ("tls_key: /etc/tls/x.key", "/etc/tls/x.key"),
        ("redis_password: '{{ vault_redis_password }}'", "{{ vault_redis_password }}"),
        ("password_file: x", "x"),
        ("token: '{bearer}'", "{bearer}"),
        ("redis_auth: yes", True),
        ("url: 'mongodb://u:{{ vault_x }}@h/db'", "mongodb://u:{{ vault_x }}@h/db"),
        ("url: 'https://u:<password>@h'", "https://u:<password>@h"),
        ("url: https://h:8080/a@b", "https://h:8080/a@b"),
        ("url: ssh://git@h:22/x:y@z", "ssh://git@h:22/x:y@z"),
        ("password: ", None),
        ("password: '!env X'", Secret("env", "X")),
        ("token: !command pass show x", Secret("command", "pass show x")),
    ],
)
def test_what_only_looks_like_a_secret_is_let_through(folder, text, value):
    """Public keys, paths, templates and empty values are no secrets; a reference may be written as text."""
    found = folder.read(f"all:\n  hosts:\n    h:\n      {text}").hosts["h"].vars[text.partition(":")[0]]
    if isinstance(value, Secret):
        assert (found.kind, found.where) == (value.kind, value.where)
    else:
        assert found == value
