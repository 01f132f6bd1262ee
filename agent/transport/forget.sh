# Remove the job folders whose names begin with a prefix, except running ones: sh -c THIS sh JOBS PREFIX
all=$1/$2
set --
for d in "$all"*; do
  [ -d "$d" ] || continue
  for p in "$d"/*.pid; do
    [ -e "${p%.pid}.rc" ] && continue
    { read -r pid _ <"$p"; } 2>/dev/null && [ -d "/proc/$pid" ] && continue 2
  done
  set -- "$@" "$d"
done
[ $# -eq 0 ] || rm -rf -- "$@"
