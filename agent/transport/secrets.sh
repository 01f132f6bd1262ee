# Read secrets from stdin, become a command that has them: sh -c THIS sh NAME LINES ... -- COMMAND...
while [ "$1" != -- ]; do
  _v='' _n=$2
  while [ "$_n" -gt 0 ]; do
    IFS= read -r _l || { echo "drillyard: the secrets did not arrive; nothing was begun" >&2; exit 96; }
    _n=$((_n - 1))
    _v=$_v$_l
    [ "$_n" -eq 0 ] || _v="$_v
"
  done
  export "$1=$_v"
  shift 2
done
shift
unset _v _n _l
exec "$@"
