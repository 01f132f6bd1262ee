"""What people read: every fact they need, in their language, without a secret."""

from agent.language import Words
from agent.notify.message import Situation, message_for
from agent.secrets import Secret

NIGHT = Situation(
    page="redis_aof",
    title=Words("Redis does not start", "Redis가 시작되지 않음"),
    hosts=("redis1",),
    steps=(Words("Stop Redis", "Redis 중지"),),
    elapsed=960,
    rto=1800,
    folder="/runs/r1",
    resume="drillyard resume /runs/r1",
)


def test_a_message_has_what_one_needs_at_night():
    """Page, host, step at work, elapsed against RTO, resume command, run folder; in both languages."""
    message = message_for(NIGHT, by_hand=["dba (+82 2 000)"])
    assert message.subject == "[drillyard] redis_aof: recovery under way / 복구 진행 중"
    for part in (
        "Redis does not start",
        "Hosts: redis1",
        "At work: Stop Redis",
        "Elapsed: 16 min of 30 min (RTO), 14 min left",
        "To be called by hand: dba (+82 2 000)",
        "Go on with: drillyard resume /runs/r1",
        "Run folder: /runs/r1",
        "Redis가 시작되지 않음",
        "진행 단계: Redis 중지",
        "경과: 16분 / RTO 30분, 14분 남음",
    ):
        assert part in message.text
    korean = message_for(NIGHT, "ko")
    assert "Redis 중지" in korean.text
    assert "Stop Redis" not in korean.text


def test_the_last_message():
    """How it ended and why; where all is well there is nothing to go on with."""
    import dataclasses

    failed = dataclasses.replace(NIGHT, outcome="failed", sentence="it did not start", elapsed=2000)
    text = message_for(failed, "en").text
    assert "FAILED" in text
    assert "Why: it did not start" in text
    assert "3 min OVER" in text
    assert "At work" not in text
    done = message_for(dataclasses.replace(NIGHT, outcome="done"), "en").text
    assert "recovered and proved" in done
    assert "Go on with" not in done


def test_a_run_is_told_as_what_it_was():
    """Nothing was proved where the page claims nothing, and nobody resumes what another carries on."""
    import dataclasses

    text = message_for(dataclasses.replace(NIGHT, outcome="done", proved=False)).text
    assert "done, and nothing was proved" in text
    assert "완료, 검증되지 않음" in text
    assert "recovered" not in text
    taken = dataclasses.replace(NIGHT, outcome="stopped", sentence="it is another's", resume="")
    text = message_for(taken, "en").text
    assert "stopped before its end" in text
    assert "Go on with" not in text


def test_many_hosts_are_counted():
    """The first few by name, then their number."""
    import dataclasses

    many = dataclasses.replace(NIGHT, hosts=tuple(f"web{n}" for n in range(64)))
    assert "web5, … (64)" in message_for(many, "en").text
    assert "web6," not in message_for(many, "en").text


def test_no_secret_is_told(monkeypatch):
    """What was revealed before is masked in a message too."""
    import dataclasses

    monkeypatch.setenv("NIGHT_SECRET", "tr0ub4dor-in-a-message")
    Secret("env", "NIGHT_SECRET").reveal()
    leaky = dataclasses.replace(NIGHT, sentence="AUTH tr0ub4dor-in-a-message failed")
    assert "tr0ub4dor" not in message_for(leaky).text
