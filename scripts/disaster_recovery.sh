#!/bin/sh
# RefServer's recovery as its guide calls it: a thin face of drillyard. RefServer 재해 복구 (drillyard 호출).
set -eu

korean() { case "${RECOVERY_LANG:-${LC_ALL:-${LC_MESSAGES:-${LANG:-}}}}" in ko*) true ;; *) false ;; esac; }

usage() {
  if korean; then
    cat <<'TEXT'
사용법: disaster_recovery.sh 명령 [옵션] [-- drillyard 옵션]

  --help                                  이 도움말
  --check                                 서비스와 데이터 무결성, 백업 상태 확인
  --list [--date 2025-01-19]              백업 목록 (특정 날짜)
  --restore-latest                        최신의 정상 백업으로 복구
  --restore --backup-id ID                해당 백업으로 복구
  --restore --point-in-time "2025-01-19 14:00:00"   그 시각 이전의 마지막 백업으로 복구
  --unified --backup-id ID                통합 복구 (SQLite + ChromaDB + PDF)
  --auto-recover                          증상을 확인하고 맞는 절차를 실행

복구 전 현재 상태를 보관하고, 복구 후 모든 행·벡터·파일을 검증합니다.
환경 변수: DRILLYARD_INVENTORY (인벤토리), RECOVERY_SYSTEM (기본 refserver)
'--' 뒤의 옵션은 drillyard에 그대로 전달됩니다: -- --limit ref1 --confirm ref1 --yes

종료 코드: 0 성공 · --check: 1 성능 저하, 2 중단 또는 손상, 3 확인 불가
  10 명령 실패 · 12 시간 초과 · 13 검증 실패 · 20 페이지 오류 · 21 인벤토리 오류 · 22 이름 없음
  23 거부됨 · 24 다른 작업 진행 중 · 30 연결 불가 · 41 공간 부족 · 42 백업 없음 · 43 백업 손상 · 64 사용법 오류
TEXT
  else
    cat <<'TEXT'
usage: disaster_recovery.sh COMMAND [OPTIONS] [-- OPTIONS OF DRILLYARD]

  --help                                  this text
  --check                                 service, integrity of its data, backups
  --list [--date 2025-01-19]              the backups, or those of a day
  --restore-latest                        put the newest good backup back
  --restore --backup-id ID                put that backup back
  --restore --point-in-time "2025-01-19 14:00:00"   the last good one from before that moment
  --unified --backup-id ID                the same as --restore: SQLite, ChromaDB and PDFs of one instant
  --auto-recover                          look for symptoms, and carry out the page that answers them

The present state is kept aside before, and every row, vector and file is verified after.
Environment: DRILLYARD_INVENTORY (the inventory), RECOVERY_SYSTEM (refserver)
What stands behind `--` goes to drillyard as it is: -- --limit ref1 --confirm ref1 --yes

exit codes: 0 done; of --check: 1 degraded, 2 down or damaged, 3 could not look
  10 a command failed, 12 not in time, 13 the proof failed, 20 bad page, 21 bad inventory, 22 no such name
  23 refused, 24 somebody else is at work, 30 unreachable, 41 no room, 42 no backup, 43 backup damaged, 64 usage
TEXT
  fi
}

wrong() {
  if korean; then echo "알 수 없는 사용법: $1 (--help 참고)" >&2; else echo "makes no sense: $1 (see --help)" >&2; fi
  exit 64
}

command='' id='' moment='' day=''
set_command() { [ -z "$command" ] || [ "$command" = "$1" ] || [ "$command$1" = restoreunified ] || [ "$command$1" = unifiedrestore ] || wrong "--$1"; command=$1; }
value() { [ $# -ge 2 ] && [ -n "$2" ] || wrong "$1"; }
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) usage; exit 0 ;;
    --check) set_command check ;;
    --list) set_command list ;;
    --restore-latest) set_command latest ;;
    --restore) set_command restore ;;
    --unified) set_command unified ;;
    --auto-recover) set_command auto ;;
    --backup-id) value "$@"; id=$2; shift ;;
    --point-in-time) value "$@"; moment=$2; shift ;;
    --date) value "$@"; day=$2; shift ;;
    --) shift; break ;;
    *) wrong "$1" ;;
  esac
  shift
done

system=${RECOVERY_SYSTEM:-refserver}
here=$(cd "$(dirname "$0")/.." && pwd)
if [ -x "$here/.venv/bin/drillyard" ]; then drillyard=$here/.venv/bin/drillyard; else drillyard=drillyard; fi
reason=${RECOVERY_REASON:-disaster_recovery.sh}
[ -n "$day" ] && [ "$command" != list ] && wrong --date
# A wish that would not be heeded is none: the newest is not put back where another was asked for.
case $command in
  restore | unified) ;;
  *) [ -z "$id" ] || wrong --backup-id; [ -z "$moment" ] || wrong --point-in-time ;;
esac

case $command in
  check) exec "$drillyard" check "$@" ;;
  list) exec "$drillyard" backup list "$system" ${day:+--date "$day"} "$@" ;;
  # On one host: a spare that waits is not meant.
  latest) exec "$drillyard" backup restore "$system" --latest --reason "$reason" "$@" ;;
  auto) exec "$drillyard" auto-recover "$@" ;;
  restore | unified)
    [ -z "$id" ] || [ -z "$moment" ] || wrong "--backup-id --point-in-time"
    [ -z "$moment" ] || exec "$drillyard" backup restore "$system" --at "$moment" --reason "$reason" "$@"
    [ -n "$id" ] || wrong "--$command"
    exec "$drillyard" backup restore "$system" --id "$id" --reason "$reason" "$@"
    ;;
  *) usage >&2; exit 64 ;;
esac
