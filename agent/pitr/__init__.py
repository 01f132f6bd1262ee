"""MongoDB's continuous capture and restore to any moment: programs that run where the backups lie.

They run on a host that has Drillyard installed (the controller, a backup host), as `drillyard capture` and as
`python -m agent.pitr VERB`, which reads a spec as JSON on stdin and answers with JSON on stdout. What they
share with the rest of the house is `model.py`: the answers, without the driver.

What lies on disk, below `<backup_dir>/mongodb`:

    lock  status.json                     who captures; how it goes, written anew every second
    <timeline>/timeline.json              one unbroken history of one server: its identity, its parent
    <timeline>/base/<id>/manifest.json    a copy of every collection, taken while the server was in use ...
    <timeline>/base/<id>/*.bson.zst       ... mongodump's own .bson, compressed
    <timeline>/log/<n>-<first>-<last>.zst every change as raw BSON, sealed; `.sha256` beside
    <timeline>/log/open.zst               the one being written, on disk to within a second

A timeline has no holes: each segment names the checksum of the one before. Where history was lost, or the
server was restored, another timeline begins.
"""
