"""RefServer's Chroma is damaged on its disk: an index file, all of them, its database, or by a live tar."""

from __future__ import annotations

from dataclasses import dataclass

from agent.errors import StepFailed
from drills.rig.fault import Harm, Scene, Wound
from drills.rig.wreck import wreck

_DAMAGE = """
def damage():
    folder, kind = os.path.join(data, "chromadb"), order["kind"]
    path = os.path.join(folder, "chroma.sqlite3")
    if kind == "database_gone":
        shutil.rmtree(folder)
        os.mkdir(folder)
        os.chown(folder, 1000, 1000)
        return {"kind": kind}
    if kind == "database_page":
        size = os.path.getsize(path)
        for number in range(1, size // 4096, 2):
            overwrite(path, number * 4096, random.Random(order["seed"]).randbytes(4096))
        return {"kind": kind, "bytes": size}
    if kind == "live_tar":
        import tarfile
        shutil.rmtree(folder)
        os.mkdir(folder)
        os.chown(folder, 1000, 1000)
        with tarfile.open("/tmp/live.tar") as tar:
            tar.extractall(data)
        return {"kind": kind, "bytes": os.path.getsize("/tmp/live.tar")}
    segments = [each for each in glob.glob(folder + "/*") if os.path.isdir(each)]
    if not segments:
        sys.exit("Chroma has not written any index out: more documents are needed")
    if kind == "segment_gone":
        shutil.rmtree(segments[0])
        return {"kind": kind, "segment": segments[0]}
    name, how = order["file"], kind
    path = os.path.join(segments[0], name)
    size = os.path.getsize(path)
    if how == "deleted":
        os.unlink(path)
    elif how == "zeroed":
        overwrite(path, 0, bytes(size))
    else:
        with open(path, "rb") as file:
            content = file.read()
        for at in range(min(150, size // 2), size, max(1, size // 200)):
            overwrite(path, at, bytes([content[at] ^ 0xff]))
    return {"kind": kind, "file": name, "bytes": size}
"""
# As tar does on a folder in use: what it read first is older than what it reads last.
_TAR = """
import glob, os, sys, tarfile, time
def written():
    return max(os.stat(each).st_mtime_ns for each in glob.glob("/data/chromadb/*/index_metadata.pickle"))
with tarfile.open("/tmp/live.tar", "w") as tar:
    tar.add("/data/chromadb/chroma.sqlite3", "chromadb/chroma.sqlite3")
    before, end = written(), time.monotonic() + 60
    while written() == before:
        if time.monotonic() > end:
            sys.exit("Chroma has not written its index out for a minute")
        time.sleep(0.05)
    for folder in glob.glob("/data/chromadb/*/"):
        tar.add(folder, "chromadb/" + os.path.basename(folder.rstrip("/")))
"""


@dataclass(frozen=True)
class Fault(Harm):
    """`kind` is deleted, zeroed or flipped (of `file`), segment_gone, database_page, database_gone, live_tar.

    With `live_tar` a tar that was made of the folder while the service wrote is unpacked in its place.
    """

    kind: str = "flipped"
    file: str = "data_level0.bin"

    def strike(self, scene: Scene) -> Wound:
        """Kill, damage, start."""
        if self.kind == "live_tar":
            done = scene.host.exec("python3", "-c", _TAR, ok=())
            if done.rc:
                raise StepFailed(f"No tar of the live folder: {done.err.decode(errors='replace')[-200:]}")
        one = self.kind in ("deleted", "zeroed", "flipped")
        what = f"{self.file} {self.kind}" if one else self.kind.replace("_", " ")
        return wreck(scene, f"Chroma is damaged: {what}", _DAMAGE, kind=self.kind, file=self.file)

    def seen(self, scene: Scene, wound: Wound) -> str:
        """Much of it is silent until the index is read: the file tells."""
        del scene
        return f"Chroma's files are not what they were: {wound.facts}"
