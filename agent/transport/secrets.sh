# Read secrets from stdin, become a command that has them: sh -c THIS sh NAME LINES ... -- COMMAND...
while [ "$1" != -- ]; do
  _dy_value='' _dy_lines=$2
  while [ "$_dy_lines" -gt 0 ]; do
    IFS= read -r _dy_line || { echo "drillyard: the secrets did not arrive; nothing was begun" >&2; exit 96; }
    _dy_lines=$((_dy_lines - 1))
    _dy_value=$_dy_value$_dy_line
    [ "$_dy_lines" -eq 0 ] || _dy_value="$_dy_value
"
  done
  export "$1=$_dy_value"
  shift 2
done
shift
unset _dy_value _dy_lines _dy_line
exec "$@"
