# Say who we are on this host and whether its `timeout` is the one that ends whole process groups.
i=$(id) i=${i#uid=}
u=${i%%[!0-9]*} n=${i#*\(}
case $i in "$u("*) n=${n%%\)*} ;; *) n=$u ;; esac
echo "drillyard-hello $u $n ${HOME:-/}"
timeout --version 2>/dev/null
exit 0
