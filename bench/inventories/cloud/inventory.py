#!/usr/bin/env python3
"""A dynamic inventory of the old kind: no `_meta`, so every host is asked for."""

import json
import sys

HOSTS = {"i-0a": {"ansible_host": "10.9.0.1", "tags": {"Name": "web", "n": 1}}, "i-0b": {"state": None}}
GROUPS = {
    "tag_web": {"hosts": ["i-0a"], "vars": {"from_script": True}},
    "zone_a": ["i-0a", "i-0b"],
    "region": {"children": ["zone_a", "zone_b"]},
    "zone_b": {"hosts": []},
}
print(json.dumps(GROUPS if sys.argv[1] == "--list" else HOSTS[sys.argv[2]]))
