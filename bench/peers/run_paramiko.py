"""Raw paramiko: one connection a host, all hosts side by side, step after step."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import paramiko

spec = json.loads(Path(sys.argv[1]).read_text())


def connect(host):
    client = paramiko.SSHClient()
    client.load_host_keys(host["known"])
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    client.connect(
        host["address"],
        host["port"],
        host["user"],
        key_filename=host["key"],
        look_for_keys=False,
        allow_agent=False,
    )
    return client


def run(client, step):
    _, out, err = client.exec_command(step)
    out.read(), err.read()
    assert out.channel.recv_exit_status() == 0, step


with ThreadPoolExecutor(len(spec["hosts"])) as pool:
    clients = list(pool.map(connect, spec["hosts"]))
    for step in spec["steps"]:
        list(pool.map(lambda client, step=step: run(client, step), clients))
    for client in clients:
        client.close()
