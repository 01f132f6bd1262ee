# Say who we are on this host and whether its `timeout` is the one that ends whole process groups.
echo "drillyard-hello $(id -u) $(id -un) ${HOME:-/}"
timeout --version 2>/dev/null
exit 0
