"""A night on the chat stack's Redis host: everything its drills have in common."""

from __future__ import annotations

from typing import Any

from agent.errors import BadInventory
from agent.inventory import read_inventory
from drills.rig.course import Course, Settings
from drills.rig.fault import Harm
from drills.rig.stack import Stack
from drills.rig.subject import Subject
from drills.subjects.redis import RedisSubject
from drills.subjects.redis_host import claims

HOST = "redis1"
KILLED = 2.0
"""Seconds of acknowledged writes that a kill may cost: with `appendfsync everysec` Redis keeps what it has
acknowledged in memory for up to two seconds while an fsync is running (flushAppendOnlyFile). No recovery can
bring back what never reached a file; on a quiet disk it is nothing, on a busy one we measured 0.3 s."""
LOGS = {
    "journal.log": ("journalctl", "-u", "redis-server", "--no-pager", "-o", "short-iso-precise"),
    "system.log": ("journalctl", "--no-pager", "-o", "short-iso-precise"),
    "redis-server.log": ("tail", "-c", "4M", "/var/log/redis/redis-server.log"),
    "files.txt": ("ls", "-lR", "/var/lib/redis", "/backup"),
    "status.txt": ("systemctl", "status", "--no-pager", "redis-server"),
}


def redis_night(*, harm: Harm, rto: float = 1800.0, rpo: float = 300.0, **more: Any) -> Course:
    """Return a night of `redis_aof` with that fault and these objectives in seconds; `more` as in Course."""
    whole: dict[str, Any] = {
        "drill": "redis_aof",
        "page": "redis_aof",
        "service": "redis",
        "host": HOST,
        "unit": "redis-server",
        "data_dir": "/var/lib/redis",
        "subject": redis_subject,
        "claims": claims,
        "services": (HOST,),
        "logs": {HOST: LOGS},
        **more,
    }
    return Course(harm=harm, rto=rto, rpo=rpo, **whole)


def redis_subject(stack: Stack, settings: Settings, host: str = HOST) -> Subject:
    """Return a Redis of the stack as its users see it."""
    password = read_inventory(stack.inventory).hosts[host].service("redis").secret("password")
    if password is None:
        raise BadInventory(f"{stack.inventory}: expected a password for redis on {host}, found none.")
    return RedisSubject(
        "127.0.0.1",
        stack.hosts[host].port(6379),
        password.reveal(),
        seed=settings.seed,
        preload_count=settings.preload,
    )
