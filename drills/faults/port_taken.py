"""While the API was restarted another process took its port: it cannot start, and the stranger answers."""

from __future__ import annotations

import time
from dataclasses import dataclass

from drills.rig.fault import Harm, Scene, Wound

# It answers every request as if all were well.
_STRANGER = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"ok": true}')
    do_POST = do_PUT = do_GET
    def log_message(self, *words): pass
http.server.ThreadingHTTPServer(("0.0.0.0", int(sys.argv[1])), Answer).serve_forever()
"""
_TAKE = """\
set -eu
unit=$1 port=$2 stranger=$3
systemctl stop "$unit"
systemd-run --quiet --collect --unit metrics-export python3 -c "$stranger" "$port"
until ss -Htln "sport = :$port" | grep -q .; do sleep 0.05; done
systemctl start --no-block "$unit"
for _ in $(seq 300); do
    [ "$(systemctl show -P ActiveState "$unit")" != failed ] || exit 0
    sleep 0.1
done
echo "$unit was started, whoever has its port" >&2
exit 1
"""


@dataclass(frozen=True)
class Fault(Harm):
    """`port` is the API's."""

    port: int = 8000

    def strike(self, scene: Scene) -> Wound:
        """Take the port between its stop and its start, and wait until systemd gives the API up."""
        began = time.monotonic()
        scene.host.exec("sh", "-c", _TAKE, "sh", scene.unit, str(self.port), _STRANGER)
        return Wound(f"another process listens on port {self.port}", {"port": self.port}, (began, began))

    def heal(self, scene: Scene, wound: Wound) -> None:
        """End the stranger, should it still be there."""
        del wound
        scene.host.exec("systemctl", "stop", "metrics-export", ok=())
