"""Which commands an append-only file may hold: how many words, where their keys stand, what is dangerous."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

# name arity first last step, as COMMAND of Redis 7.0.15 says (arity below zero: at least that many words;
# a test compares every line with a real server). The second table is what later versions added.
_WRITES = """
append 3 1 1 1; bitfield -2 1 1 1; bitop -4 2 -1 1; blmove 6 1 2 1; blmpop -5 0 0 0; blpop -3 1 -2 1;
brpop -3 1 -2 1; brpoplpush 4 1 2 1; bzmpop -5 0 0 0; bzpopmax -3 1 -2 1; bzpopmin -3 1 -2 1; copy -3 1 2 1;
decr 2 1 1 1; decrby 3 1 1 1; del -2 1 -1 1; expire -3 1 1 1; expireat -3 1 1 1; flushall -1 0 0 0;
flushdb -1 0 0 0; geoadd -5 1 1 1; georadius -6 1 1 1; georadiusbymember -5 1 1 1; geosearchstore -8 1 2 1;
getdel 2 1 1 1; getex -2 1 1 1; getset 3 1 1 1; hdel -3 1 1 1; hincrby 4 1 1 1; hincrbyfloat 4 1 1 1;
hmset -4 1 1 1; hset -4 1 1 1; hsetnx 4 1 1 1; incr 2 1 1 1; incrby 3 1 1 1; incrbyfloat 3 1 1 1;
linsert 5 1 1 1; lmove 5 1 2 1; lmpop -4 0 0 0; lpop -2 1 1 1; lpush -3 1 1 1; lpushx -3 1 1 1; lrem 4 1 1 1;
lset 4 1 1 1; ltrim 4 1 1 1; migrate -6 3 3 1; move 3 1 1 1; mset -3 1 -1 2; msetnx -3 1 -1 2;
persist 2 1 1 1; pexpire -3 1 1 1;
pexpireat -3 1 1 1; pfadd -2 1 1 1; pfmerge -2 1 -1 1; psetex 4 1 1 1; rename 3 1 2 1;
renamenx 3 1 2 1; restore -4 1 1 1; rpop -2 1 1 1; rpoplpush 3 1 2 1; rpush -3 1 1 1; rpushx -3 1 1 1;
sadd -3 1 1 1; sdiffstore -3 1 -1 1; set -3 1 1 1; setbit 4 1 1 1; setex 4 1 1 1; setnx 3 1 1 1;
setrange 4 1 1 1; sinterstore -3 1 -1 1; smove 4 1 2 1; sort -2 1 1 1; spop -2 1 1 1; srem -3 1 1 1;
sunionstore -3 1 -1 1; swapdb 3 0 0 0; unlink -2 1 -1 1; xack -4 1 1 1; xadd -5 1 1 1; xautoclaim -6 1 1 1;
xclaim -6 1 1 1; xdel -3 1 1 1; xreadgroup -7 0 0 0; xsetid -3 1 1 1; xtrim -4 1 1 1; zadd -4 1 1 1;
zdiffstore -4 1 1 1; zincrby 4 1 1 1; zinterstore -4 1 1 1; zmpop -4 0 0 0; zpopmax -2 1 1 1;
zpopmin -2 1 1 1; zrangestore -5 1 2 1; zrem -3 1 1 1; zremrangebylex 4 1 1 1; zremrangebyrank 4 1 1 1;
zremrangebyscore 4 1 1 1; zunionstore -4 1 1 1;
select 2 0 0 0; multi 1 0 0 0; exec 1 0 0 0; xgroup -2 0 0 0; pfcount -2 1 -1 1; publish 3 0 0 0;
spublish 3 1 1 1; eval -3 0 0 0; evalsha -3 0 0 0; fcall -3 0 0 0; function -2 0 0 0; script -2 0 0 0;
config -2 0 0 0; shutdown -1 0 0 0; debug -2 0 0 0; acl -2 0 0 0; replicaof 3 0 0 0; slaveof 3 0 0 0;
cluster -2 0 0 0; module -2 0 0 0; client -2 0 0 0; failover -1 0 0 0
"""
_LATER = """
hexpire -6 1 1 1; hpexpire -6 1 1 1; hexpireat -6 1 1 1; hpexpireat -6 1 1 1; hpersist -5 1 1 1;
hgetdel -5 1 1 1; hgetex -5 1 1 1; hsetex -6 1 1 1; xackdel -6 1 1 1; xdelex -5 1 1 1
"""


class Verb(NamedTuple):
    """A command's number of words (below zero: at least) and the places of its first key, last key, step."""

    arity: int
    first: int
    last: int
    step: int


def _read(table: str) -> dict[bytes, Verb]:
    words = [line.split() for line in re.split(r";\s*", table.strip().rstrip(";"))]
    return {word[0].encode(): Verb(*map(int, word[1:])) for word in words}


KNOWN = {**_read(_LATER), **_read(_WRITES)}

# What is never replayed after damaged bytes: it could be the inside of a value, and does too much.
DENIED = frozenset(
    b"flushall flushdb swapdb config shutdown debug script function eval evalsha fcall acl replicaof slaveof "
    b"cluster module client failover migrate".split()
)

# What says how a value changes rather than what it becomes: wrong where an earlier command is missing.
RELATIVE = frozenset(
    b"append bitfield bitop copy decr decrby getset hincrby hincrbyfloat incr incrby incrbyfloat linsert "
    b"lmove lpop lpush lpushx lrem lset ltrim move msetnx pfadd pfmerge rename renamenx rpop rpoplpush "
    b"rpush rpushx sdiffstore setbit setnx hsetnx setrange sinterstore smove sunionstore xadd xtrim "
    b"zdiffstore zincrby zinterstore zunionstore zpopmax zpopmin zrangestore sort persist".split()
)


def keys_of(verb: Verb, args: Sequence[bytes]) -> list[bytes]:
    """Return the keys among the words of a command; an empty list where its table does not say."""
    if not verb.first:
        return []
    last = verb.last if verb.last > 0 else len(args) + verb.last
    return list(args[verb.first : last + 1 : verb.step])


def fits(verb: Verb, count: int) -> bool:
    """Return whether a command may have so many words, its name included."""
    return count == verb.arity if verb.arity > 0 else count >= -verb.arity


def with_others(names: Iterable[str]) -> dict[bytes, Verb]:
    """Return the known commands and `names` besides (text), of which nothing but the name is known."""
    known = dict(KNOWN)
    for name in names:
        known.setdefault(name.lower().encode(), Verb(-1, 1, 1, 1))
    return known
