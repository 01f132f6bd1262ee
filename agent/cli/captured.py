"""What is known of a server's captures, in words: how it is, which moments there are, what damage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from agent.language import Language, Words, say

if TYPE_CHECKING:
    from agent.pitr.model import (
        Based,
        Candidate,
        CaptureStatus,
        Damage,
        Exported,
        Loaded,
        Moment,
        RestorePoints,
        Status,
    )

_STATES = {
    "never": Words("never started", "시작된 적 없음"),
    "ended": Words("ended", "종료됨"),
    "basing": Words("taking a base", "베이스 스냅샷 생성 중"),
    "capturing": Words("capturing", "캡처 중"),
    "reconnecting": Words("RECONNECTING", "재접속 중"),
    "dead": Words("DEAD", "죽음"),
    "stuck": Words("STUCK", "멈춰 있음"),
}
_NOTHING = Words("nothing yet", "아직 없음")
_UP = Words(
    "server      up{primary}, MongoDB {version}, {documents} documents in {databases}",
    "서버        동작{primary}, MongoDB {version}, {databases}에 문서 {documents}개",
)
_DOWN = Words("server      DOWN", "서버        중단")
_PRIMARY = Words(", primary of {set}", ", {set}의 프라이머리")
_CAPTURE = Words("capture     {state}, timeline {timeline}", "캡처        {state}, 타임라인 {timeline}")
_UP_TO = Words("restorable  up to {at} ({utc}){behind}", "복원 가능   {at} ({utc})까지{behind}")
_BEHIND = Words(", {seconds:.1f} s ago", ", {seconds:.1f}초 전")
_LAG = Words(
    "lag         median {median:.2f} s, p99 {p99:.2f} s, worst {worst:.2f} s of {samples} heartbeats",
    "지연        중앙값 {median:.2f}초, p99 {p99:.2f}초, 최대 {worst:.2f}초 (하트비트 {samples}개)",
)
_BASE = Words("base        {base} of {utc}", "베이스      {base} ({utc})")
_LOG = Words(
    "log         {events} events, {segments} segments", "로그        이벤트 {events}개, 세그먼트 {segments}개"
)
_SHIPPED = Words(
    ", {unshipped} not shipped yet to {place}", ", {place}(으)로 아직 보내지 않은 것 {unshipped}개"
)
_GAP = Words("HISTORY LOST {gap}", "기록 유실 {gap}")
_STRETCH = Words(
    "{timeline}  from {since} ({since_utc}) to {until} ({until_utc})"
    "  bases {bases}  segments {segments}  {mb:.1f} MB",
    "{timeline}  {since} ({since_utc})부터 {until} ({until_utc})까지"
    "  베이스 {bases}  세그먼트 {segments}  {mb:.1f} MB",
)
_NO_POINTS = Words("no moment can be restored", "복원할 수 있는 시점이 없습니다")
_UNUSABLE = Words("cannot be used: {fault}", "쓸 수 없음: {fault}")
_SEARCHED = Words(
    "{events} changes searched from {since} to {until}: {count} candidates",
    "변경 {events}건 검색 ({since} ~ {until}): 후보 {count}개",
)
_CANDIDATE = Words(
    "{mark} {id}  {kind} of {documents} documents in {namespace}, from {first} to {last} ({first_utc})",
    "{mark} {id}  {namespace}의 문서 {documents}개 {kind}, {first}부터 {last}까지 ({first_utc})",
)
_KINDS = {
    "delete": Words("delete", "삭제(delete)"),
    "update": Words("update", "변경(update)"),
    "replace": Words("replace", "교체(replace)"),
    "drop": Words("drop", "컬렉션 삭제(drop)"),
    "dropDatabase": Words("dropDatabase", "데이터베이스 삭제(dropDatabase)"),
    "rename": Words("rename", "이름 변경(rename)"),
}
_WHOLE = Words(
    "{mark} {id}  {kind} of {namespace} at {first} ({first_utc})",
    "{mark} {id}  {namespace} {kind}, {first} ({first_utc})",
)
_HELD = Words("all of it, whatever it held", "무엇이 들어 있었든 전부")
_BURST = Words("{events} in {seconds:.3g} s, {otherwise}", "{seconds:.3g}초 동안 {events}건, {otherwise}")
_USUAL = Words("else one in {usual:.3g} s", "평소에는 {usual:.3g}초에 1건")
_RARE = Words("hardly ever else", "평소에는 거의 없음")
_FIELDS = Words("fields: {fields}", "필드: {fields}")
_EXPIRED = Words(
    "  left out: {count} deletes of what was due, by the TTL index of {where}",
    "  제외: TTL 인덱스 {where}에 따라 만료된 문서의 삭제 {count}건",
)
_LAST_GOOD = Words(
    "the last moment before those marked *: {at} ({utc})", "* 표시된 손상 직전의 마지막 시점: {at} ({utc})"
)
_BASED = Words(
    "base {id}: {documents} documents, {mb:.1f} MB in {seconds:.1f} s; good for moments from {since} on",
    "베이스 {id}: 문서 {documents}개, {mb:.1f} MB, {seconds:.1f}초. {since}부터의 시점에 쓸 수 있음",
)
_WROTE = Words(
    "{folder}: {documents} documents as of {at} ({utc}), {mb:.1f} MB in {seconds:.1f} s",
    "{folder}: {at} ({utc}) 시점의 문서 {documents}개, {mb:.1f} MB, {seconds:.1f}초",
)
_LOADED = Words(
    "{folder} is in {into}: {documents} documents, {indexes} indexes, {mb:.1f} MB in {seconds:.1f} s",
    "{folder} → {into}: 문서 {documents}개, 인덱스 {indexes}개, {mb:.1f} MB, {seconds:.1f}초",
)


def server_lines(found: Status, language: Language) -> Iterator[str]:
    """Say how a server is."""
    if found.up:
        primary = say(_PRIMARY, language).format(set=found.set_name) if found.primary else ""
        databases = ", ".join(found.databases) or say(_NOTHING, language)
        yield say(_UP, language).format(
            primary=primary, version=found.version, documents=found.documents, databases=databases
        )
    else:
        yield say(_DOWN, language)
    yield from (f"  {symptom}" for symptom in found.symptoms)


def capture_lines(found: CaptureStatus, language: Language) -> Iterator[str]:
    """Say how a capture is."""
    nothing, state = say(_NOTHING, language), say(_STATES.get(found.state, found.state), language)
    yield say(_CAPTURE, language).format(state=state, timeline=found.timeline or nothing)
    if found.captured_up_to:
        behind = say(_BEHIND, language).format(seconds=found.behind) if found.behind >= 0 else ""
        yield say(_UP_TO, language).format(at=found.captured_up_to, utc=found.captured_utc, behind=behind)
    if found.lag.samples:
        lag = found.lag
        yield say(_LAG, language).format(median=lag.median, p99=lag.p99, worst=lag.worst, samples=lag.samples)
    yield say(_BASE, language).format(base=found.base or nothing, utc=found.base_utc or "-")
    shipped = (
        say(_SHIPPED, language).format(unshipped=found.unshipped, place=found.shipping)
        if found.shipping
        else ""
    )
    yield say(_LOG, language).format(events=found.events, segments=found.segments) + shipped
    yield from (say(_GAP, language).format(gap=gap) for gap in found.gaps)
    if found.error:
        yield f"  {found.error}"


def point_lines(found: RestorePoints, language: Language) -> Iterator[str]:
    """Say which moments can be restored."""
    for each in found.stretches:
        told = {name: getattr(each, name) for name in _STRETCH_FIELDS}
        yield say(_STRETCH, language).format(**told, mb=max(each.bytes, 0) / 1e6)
    if not found.stretches:
        yield say(_NO_POINTS, language)
    yield from (say(_UNUSABLE, language).format(fault=fault) for fault in found.faults)


_STRETCH_FIELDS = ("timeline", "since", "since_utc", "until", "until_utc", "bases", "segments")


def damage_lines(found: Damage, moment: Moment | None, language: Language) -> Iterator[str]:
    """Say which changes may be damage, and the last moment before it."""
    yield say(_SEARCHED, language).format(
        events=found.events, since=found.since, until=found.until, count=len(found.candidates)
    )
    for each in found.candidates:
        yield from _candidate(each, language, chosen=each.id in found.chosen)
    for where, count in found.expired.items():
        yield say(_EXPIRED, language).format(count=count, where=where)
    if moment is not None:
        yield say(_LAST_GOOD, language).format(at=moment.at, utc=moment.utc)


def _candidate(each: Candidate, language: Language, *, chosen: bool) -> Iterator[str]:
    yield say(_CANDIDATE if each.documents else _WHOLE, language).format(
        mark="*" if chosen else " ",
        id=each.id,
        kind=say(_KINDS.get(each.kind, each.kind), language),
        documents=each.documents,
        namespace=each.namespace,
        first=each.first,
        last=each.last,
        first_utc=each.first_utc,
    )
    if each.fields:
        yield "      " + say(_FIELDS, language).format(fields=", ".join(each.fields))
    yield from (f"      {sample}" for sample in each.sample)
    yield "      " + _how(each, language)


def _how(each: Candidate, language: Language) -> str:
    """Say how far it stands out from what is usual."""
    if not each.documents:
        return say(_HELD, language)
    otherwise = say(_USUAL if each.usual else _RARE, language).format(usual=each.usual)
    return say(_BURST, language).format(events=each.events, seconds=each.seconds, otherwise=otherwise)


def based_line(found: Based, language: Language) -> str:
    """Say which base was taken."""
    return say(_BASED, language).format(
        id=found.id,
        documents=sum(found.documents.values()),
        mb=found.bytes / 1e6,
        seconds=found.seconds,
        since=found.usable_from,
    )


def exported_line(found: Exported, language: Language) -> str:
    """Say what was written."""
    return say(_WROTE, language).format(
        folder=found.folder,
        documents=found.documents,
        at=found.at,
        utc=found.utc,
        mb=found.bytes / 1e6,
        seconds=found.seconds,
    )


def loaded_lines(found: Loaded, language: Language) -> Iterator[str]:
    """Say what was loaded."""
    yield say(_LOADED, language).format(
        folder=found.folder,
        into=found.into,
        documents=found.documents,
        indexes=found.indexes,
        mb=found.bytes / 1e6,
        seconds=found.seconds,
    )
    yield from (f"  {warning}" for warning in found.warnings)
