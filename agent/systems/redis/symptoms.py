"""Everything that can be wrong with a Redis server, by name; and which of it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from agent.errors import ServiceRefused, TimedOut
from agent.systems import DEGRADED, DOWN, Symptom, Vitals
from agent.systems.redis.claims import Status, status
from agent.systems.redis.copies import mark_of
from agent.systems.redis.look import Look, inspect
from agent.systems.redis.server import Redis, info, tell
from agent.transport.ask import Action

_TABLE = (
    Symptom("redis.down", DOWN, "Redis does not answer", "Redis가 응답하지 않음"),
    Symptom(
        "redis.hangs",
        DOWN,
        "Redis accepts connections and does not answer",
        "Redis가 연결만 받고 응답하지 않음",
    ),
    Symptom(
        "redis.password-refused", DOWN, "Redis does not accept our password", "Redis가 비밀번호를 거부함"
    ),
    Symptom("redis.loading", DEGRADED, "Redis is still loading its data", "Redis가 데이터를 읽는 중"),
    Symptom(
        "redis.data-lost",
        DOWN,
        "Redis is down and no file of its data is left",
        "Redis가 중단되고 데이터 파일이 없음",
    ),
    Symptom("redis.log-torn", DOWN, "The end of the append-only file is torn", "AOF의 끝이 깨짐"),
    Symptom("redis.log-damaged", DOWN, "The append-only file is damaged", "AOF 파일이 손상됨"),
    Symptom(
        "redis.started-empty", DOWN, "Redis runs without the data of its log", "Redis가 데이터 없이 시작됨"
    ),
    Symptom(
        "redis.files-foreign", DOWN, "Redis's files belong to somebody else", "파일 소유자나 권한이 틀림"
    ),
    Symptom(
        "redis.files-damaged",
        DEGRADED,
        "Redis lives, its files are damaged: do not restart it",
        "Redis는 살아 있으나 파일이 손상됨: 재시작 금지",
    ),
    Symptom(
        "redis.memory-full",
        DOWN,
        "Writes are refused: maxmemory is reached",
        "메모리가 가득 차 쓰기가 거부됨",
    ),
    Symptom(
        "redis.disk-full",
        DOWN,
        "Writes are refused: the log cannot be written",
        "로그를 쓸 수 없어 쓰기가 거부됨",
    ),
    Symptom("redis.writes-refused", DOWN, "Writes are refused", "쓰기가 거부됨"),
    Symptom(
        "redis.replica-cut-off",
        DEGRADED,
        "A replica is not in touch with its master: what it answers is of the past",
        "복제본이 마스터와 끊김: 과거의 데이터를 응답함",
    ),
    Symptom("redis.log-off", DEGRADED, "The append-only file is switched off", "AOF가 꺼져 있음"),
    Symptom(
        "redis.cuts-itself",
        DEGRADED,
        "aof-load-truncated is yes: a restart may erase part of a damaged log",
        "aof-load-truncated가 yes: 재시작하면 손상된 로그의 일부가 지워질 수 있음",
    ),
    Symptom(
        "redis.writing-failed",
        DEGRADED,
        "The last write or rewrite of the log failed",
        "로그의 마지막 쓰기나 다시 쓰기가 실패함",
    ),
)
SYMPTOMS: Mapping[str, Symptom] = {symptom.id: symptom for symptom in _TABLE}
_REMEDIES = {"cut": "redis.log-torn", "rebuild": "redis.log-damaged", "owner": "redis.files-foreign"}

_STATES = {"none": "sound", "cut": "torn", "rebuild": "damaged", "rescue": "damaged", "owner": "foreign"}


def diagnose(redis: Redis) -> Action[Vitals]:
    """Look at server and log and name every symptom; a sound server has none."""
    try:
        # A frozen server lets redis-cli wait for ever, so the first question has a short time to answer.
        yield redis.cli("PING", timeout=5)
        says = yield from status(redis)
    except TimedOut:
        return _only("redis.hangs", "no answer to PING in 5 s")
    except ServiceRefused as error:
        return _only("redis.password-refused", error.sentence)
    found = yield from inspect(redis)
    asked = says.up and not says.loading
    config = yield from _config(redis) if asked else _nothing()
    return Vitals(
        up=says.up,
        reads=says.reads,
        writes=says.writes,
        data=_state(found, up=says.up),
        symptoms=tuple(judge(says, found, config)),
        mark=(yield from mark_of(redis)) if asked else None,
        clock=float((yield from tell(redis, "TIME")).split()[0]) if asked else None,
    )


def _state(found: Look, *, up: bool) -> str:
    """Return a word for the data themselves, not for what is to be done about them."""
    if not up and found.gone:
        return "lost"
    return "empty" if found.started_empty else _STATES[found.remedy]


def judge(says: Status, found: Look, config: Mapping[str, str]) -> Iterator[Symptom]:
    """Yield the symptoms of what was seen, the worst kinds first; `config` may be empty. Pure."""
    why = "; ".join(found.reasons)
    if not says.up and found.gone:
        yield _seen("redis.data-lost", says.symptoms[0] if says.symptoms else "")
        return
    if not says.up:
        yield _seen("redis.down", says.symptoms[0] if says.symptoms else "")
    if says.loading:
        yield _seen("redis.loading", "")
    if found.started_empty:
        yield _seen("redis.started-empty", why)
    elif found.remedy in _REMEDIES:
        yield _seen(_REMEDIES[found.remedy], why)
    elif found.remedy == "rescue":
        yield _seen("redis.files-damaged", why)
    if found.wrong_owner and found.remedy != "owner":
        yield _seen("redis.files-foreign", ", ".join(found.wrong_owner[:3]))
    if says.up and not says.loading and not says.writes:
        yield _refused(says)
    if says.link not in ("", "up"):
        yield _seen("redis.replica-cut-off", f"the link is {says.link}")
    yield from _settings(says, config)


def _refused(says: Status) -> Symptom:
    said = " ".join(says.symptoms)
    if "maxmemory" in said or said.startswith("OOM"):
        return _seen("redis.memory-full", said)
    if "MISCONF" in said or "No space left" in said:
        return _seen("redis.disk-full", said)
    return _seen("redis.writes-refused", said)


def _settings(says: Status, config: Mapping[str, str]) -> Iterator[Symptom]:
    if says.aof == "off":
        yield _seen("redis.log-off", "")
    elif config.get("aof-load-truncated") == "yes":
        yield _seen("redis.cuts-itself", "")
    bad = [
        name for name in ("aof_last_write_status", "aof_last_bgrewrite_status") if config.get(name) == "err"
    ]
    if bad:
        yield _seen("redis.writing-failed", ", ".join(bad))


def _config(redis: Redis) -> Action[dict[str, str]]:
    words = (yield from tell(redis, "CONFIG", "GET", "aof-load-truncated")).splitlines()
    state = yield from info(redis, "persistence")
    return {**state, **dict(zip(words[::2], words[1::2], strict=False))}


def _nothing() -> Action[dict[str, str]]:
    yield from ()
    return {}


def _only(name: str, evidence: str) -> Vitals:
    return Vitals(False, False, False, "?", (_seen(name, evidence),))


def _seen(name: str, evidence: str) -> Symptom:
    return replace(SYMPTOMS[name], evidence=evidence)
