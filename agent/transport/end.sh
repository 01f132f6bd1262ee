# Kill everything in a session: sh -c THIS sh SESSION, or that of a job's newest attempt: sh -c THIS sh JOBS/NAME
session=$1
case $1 in
  /*)
    k=1
    while [ -e "$1.$((k + 1)).pid" ]; do k=$((k + 1)); done
    read -r _ _ session _ <"$1.$k.pid" || exit
    ;;
esac
for p in /proc/[0-9]*; do
  { read -r stat <"$p/stat"; } 2>/dev/null || continue
  set -- ${stat##*) }
  [ "$4" != "$session" ] || kill -KILL "${p#/proc/}" 2>/dev/null
done
exit 0
