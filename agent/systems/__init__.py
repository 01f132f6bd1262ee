"""One system, one file: how it is looked at, stopped safely, dumped, loaded, repaired and proved.

`do: redis.repair_aof` in a page is the public generator function `repair_aof` of `agent/systems/redis.py`.
Its first parameter is the system's own frozen class, made from the inventory by its class method
`of(service)`; the others are what the page gives under `with`. Systems do not import one another.
"""
