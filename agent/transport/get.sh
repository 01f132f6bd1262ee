# Print a file's size on a line, then that many of its bytes, unless there are too many: sh -c THIS sh PATH LIMIT
n=$(wc -c <"$1") || exit
echo "$n"
[ "$n" -gt "$2" ] || exec head -c "$n" <"$1"
