# Remove what jobs left whose names begin with a prefix, except running ones: sh -c THIS sh JOBS PREFIX
all=$1/$2
set --
for p in "$all"*.pid; do
  [ -f "$p" ] || continue
  k=${p%.pid}
  if [ ! -e "$k.rc" ]; then
    { read -r pid _ <"$p"; } 2>/dev/null && [ -d "/proc/$pid" ] && continue
  fi
  set -- "$@" "$p" "$k.out" "$k.err" "$k.rc"
done
for p in "$all"*.in.*; do
  [ ! -f "$p" ] || [ -d "/proc/${p##*.}" ] || set -- "$@" "$p"
done
[ $# -eq 0 ] || rm -f -- "$@"
