"""Redis's memory is full: temporary keys fill it to its limit, and every write is refused."""

from __future__ import annotations

from dataclasses import dataclass

from drills.rig.fault import Harm, Scene, Wound

# The password reaches redis-cli by its environment; what stands in the file comes again after a restart.
_CLI = """\
# a server's own settings, or all of those of a plain container
file=/etc/redis/drillyard.conf secret=/etc/redis/password.conf
if [ -e /var/tmp/redis.conf ]; then file=/var/tmp/redis.conf secret=/var/tmp/redis.conf; fi
REDISCLI_AUTH=$(sed -n 's/^requirepass //p' $secret)
export REDISCLI_AUTH
cli() { redis-cli "$@"; }
"""
_STRIKE = f"""\
set -eu
{_CLI}
used() {{ cli INFO memory | tr -d '\\r' | sed -n 's/^used_memory://p'; }}
limit=$(($(used) + $1))
cli CONFIG SET maxmemory "$limit" >/dev/null
echo "maxmemory $limit" >>$file
if [ "$2" -gt 0 ]; then
  # What it refuses is answered with an error each, and is what we are after.
  awk -v n="$2" -v size="$3" 'BEGIN {{
    value = sprintf("%*s", size, ""); gsub(/ /, "t", value)
    for (i = 0; i < n; i++) printf "SET temp:%d %s\\r\\n", i, value
  }}' | cli --pipe >/dev/null 2>&1 || :
fi
echo "$limit $(cli --raw EVAL 'return #redis.call("KEYS", "temp:*")' 0) $(used)"
"""
_HEAL = f"""\
{_CLI}
sed -i '/^maxmemory /d' $file
cli CONFIG SET maxmemory 0 >/dev/null
"""


@dataclass(frozen=True)
class Fault(Harm):
    """`room` bytes are left of its limit, then up to `temp` keys of `size` bytes each are written into it.

    Without temporary keys the limit is simply too small for what users have, by a mebibyte.
    """

    temp: int = 200_000
    size: int = 100
    room: int = 16 << 20

    def strike(self, scene: Scene) -> Wound:
        """Set the limit, in the file too, and fill it."""
        room = self.room if self.temp else -(1 << 20)
        words = (str(room), str(self.temp), str(self.size))
        limit, keys, used = map(int, scene.host.exec("sh", "-c", _STRIKE, "sh", *words).text.split())
        facts = {"maxmemory": limit, "temp_keys": keys, "used": used}
        return Wound(f"memory is full: maxmemory {limit >> 20} MiB, {keys:,} temporary keys", facts)

    def heal(self, scene: Scene, wound: Wound) -> None:
        """Take the limit away."""
        del wound
        scene.host.exec("sh", "-c", _HEAL, ok=())
