# Write stdin to a file, whole or not at all: sh -c THIS sh PATH MODE OWNER|'' BYTES
umask 077
export LC_ALL=C
p=$1
case $p in */*) d=${p%/*}/ ;; *) d=./ ;; esac
t=$d.${p##*/}.drillyard-$$
trap 'rm -f "$t"' EXIT
trap 'exit 1' HUP INT TERM
trap '' PIPE
set -C
true >"$t" || exit
said=$(dd of="$t" bs=65536 conv=fsync 2>&1) || { echo "${said%%
*}" >&2; exit 1; }
[ "$(wc -c <"$t")" -eq "$4" ] || { echo "the content did not arrive whole" >&2; exit 1; }
[ -z "$3" ] || chown "$3" "$t" || exit
chmod "$2" "$t" && mv -f "$t" "$p" || exit
trap - EXIT
sync "$d" 2>/dev/null || sync
