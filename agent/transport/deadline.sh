# End a command and all it started after a time, on hosts without GNU timeout: sh -c THIS sh SECONDS MERCY COMMAND...
n=$1 mercy=$2
shift 2
exec 3<&0
if command -v setsid >/dev/null; then setsid "$@" <&3 3<&- & else "$@" <&3 3<&- & fi
c=$!
exec 3<&- </dev/null
(
  exec >/dev/null 2>&1
  wait_for() {
    n=$1
    while [ "$n" -gt 0 ]; do
      sleep 1
      kill -0 "$c" || exit 0
      n=$((n - 1))
    done
  }
  wait_for "$n"
  kill -TERM -- "-$c" || kill -TERM "$c"
  wait_for "$mercy"
  kill -KILL -- "-$c" || kill -KILL "$c"
) &
wait "$c"
