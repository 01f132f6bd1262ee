# Say who we are on this host and whether its `timeout` is the one that ends whole process groups. Not by echo:
# where a directory gives the names (CORP\nkim) dash would make a line break of the \n.
i=$(id) i=${i#uid=}
u=${i%%[!0-9]*} n=${i#*\(}
case $i in "$u("*) n=${n%%\)*} ;; *) n=$u ;; esac
printf 'drillyard-hello %s %s %s\n' "$u" "$n" "${HOME:-/}"
timeout --version 2>/dev/null
exit 0
