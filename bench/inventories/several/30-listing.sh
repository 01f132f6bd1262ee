#!/bin/sh
cat <<'END'
{"_meta": {"hostvars": {"redis2": {"port": 6381}, "mongo1": {"size": {"gb": 10}}}},
 "all": {"children": ["ungrouped", "mongo"]}, "mongo": {"hosts": ["mongo1"], "vars": {"shards": [1, 2]}},
 "data": {"children": ["mongo", "redis"]}}
END
