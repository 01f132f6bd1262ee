#!/bin/sh
# Whether RefServer's backups are as they should be: one line and an exit code, for `|| mail`. 백업 상태 확인.
#
#   0 * * * * /opt/drillyard/scripts/check_backups.sh || mail -s "RefServer Backup Failed" admin@example.com
#
# 0 in order, 1 somebody should look, 2 the objectives are at risk; else drillyard's own codes (see --help).
# 0 정상, 1 확인 필요, 2 목표 위험. Needs DRILLYARD_INVENTORY.
here=$(cd "$(dirname "$0")/.." && pwd)
if [ -x "$here/.venv/bin/drillyard" ]; then drillyard=$here/.venv/bin/drillyard; else drillyard=drillyard; fi
exec "$drillyard" backup check "${RECOVERY_SYSTEM:-refserver}" "$@"
