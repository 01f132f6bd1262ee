# Run one command once, whatever becomes of the connection: sh -c THIS sh JOBS NAME safe|ask BYTES COMMAND...
#
# The k-th attempt leaves JOBS/NAME.k.pid (pid, its start, session, boot id), .out, .err and .rc, which nobody
# else may read. Creating .pid with O_EXCL is the claim: one of two concurrent callers runs, the other waits for it.
# All jobs share a folder: one for each costs a mkdir, which is as much as two shells.
# The first line of stdout is ours: `done RC START END` or `lost K`; the command's own outputs follow.
trap '' HUP
d=$1/$2 again=$3 size=$4
shift 4
fail() { echo "drillyard: $*" >&2; exit 96; }
[ -d "${d%/*}" ] || mkdir -p -m 700 "${d%/*}" || fail "no folder could be made for jobs"
usual=$(umask)
umask 077

# BYTES of input are taken whole before anything begins, so that a cut connection never feeds half of it;
# the file is in memory where the host has /dev/shm with room in it (input comes only once, so that is seen
# to before it is read), and has no name any more when the command starts.
set -C
exec 3</dev/null
if [ "$size" -gt 0 ]; then
  for t in "/dev/shm/drillyard.$$" "$d.in.$$"; do
    { true >"$t"; } 2>/dev/null || continue
    case $t in /dev/shm/*)
      ! command -v fallocate >/dev/null || fallocate -n -l "$size" "$t" 2>/dev/null || { rm -f "$t"; continue; } ;;
    esac
    head -c "$size" >>"$t" 2>/dev/null && [ "$(wc -c <"$t")" -eq "$size" ] && break
    rm -f "$t"
    fail "the input did not arrive whole; nothing was begun"
  done
  exec 3<"$t" || fail "no place for the input"
  rm -f "$t"
fi

# Of living process $1: b = when it was born, in clock ticks since boot; s = its session.
born() {
  { read -r b <"/proc/$1/stat"; } 2>/dev/null || return 1
  set -- ${b##*) }
  s=$4 b=${20}
  [ "$1" != Z ]
}
boot=none b=0 s=0
{ read -r boot </proc/sys/kernel/random/boot_id; } 2>/dev/null
born $$

tell() {
  echo "done $rc $start $end"
  [ ! -s "$d.$k.out" ] || cat "$d.$k.out"
  [ ! -s "$d.$k.err" ] || cat "$d.$k.err" >&2
  exit 0
}

# Does attempt k still run: the process that claimed it, or, where that was killed, one of its session?
alive() {
  pboot=''
  { read -r pid pb ps pboot <"$d.$k.pid"; } 2>/dev/null
  if [ -z "$pboot" ]; then
    empty=$((empty + 1))
    [ "$empty" -gt 20 ] || return 0
    # Who claimed it never got as far as beginning, or the disk is full.
    rm -f "$d.$k.pid"
    fail "nothing could be written at $d: is the disk full?"
  fi
  [ "$pboot" = "$boot" ] || return 1
  [ -r /proc/self/stat ] || { kill -0 "$pid" 2>/dev/null; return; }
  born "$pid" && [ "$b" = "$pb" ] && return
  for p in /proc/[0-9]*; do
    born "${p#/proc/}" && [ "$s" = "$ps" ] && return
  done
  return 1
}

start=0 end=0 k=1
while :; do
  if { echo "$$ $b $s $boot" >"$d.$k.pid"; } 2>/dev/null; then
    { read -r start _ </proc/uptime; } 2>/dev/null
    exec 4>"$d.$k.out" 5>"$d.$k.err"
    umask "$usual"
    "$@" >&4 2>&5 <&3 3<&- 4>&- 5>&-
    rc=$?
    umask 077
    { read -r end _ </proc/uptime; } 2>/dev/null
    { echo "$rc $start $end done" >"$d.$k.rc"; } 2>/dev/null
    tell
  fi
  [ -e "$d.$k.pid" ] || fail "nothing can be written at $d"
  gone='' empty=0
  while :; do
    word=''
    { read -r rc start end word <"$d.$k.rc"; } 2>/dev/null
    [ "$word" != done ] || tell
    [ -z "$gone" ] || break
    if alive; then sleep 0.1 2>/dev/null || sleep 1; else gone=yes; fi
  done
  [ "$again" = safe ] || { echo "lost $k"; exit 0; }
  born $$
  k=$((k + 1))
done
