"""The network is slow: whatever is sent to the service arrives late, in its order."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

from drills.rig import network
from drills.rig.fault import Harm, Scene, Wound

# A kernel often lacks netem, so a process on the host keeps what comes in for a while before it hands it on.
_PROXY = r"""
import socket, sys, threading, time
port, delay = int(sys.argv[1]), float(sys.argv[2])

def carry(source, to, wait):
    try:
        while data := source.recv(1 << 16):
            time.sleep(wait)
            to.sendall(data)
    except OSError:
        pass
    finally:
        for each in (source, to):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

def serve(client):
    try:
        server = socket.create_connection(("127.0.0.1", port))
    except OSError:
        client.close()
        return
    threading.Thread(target=carry, args=(client, server, delay), daemon=True).start()
    carry(server, client, 0)

listener = socket.create_server(("", port + 10000))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""
_START = """\
setsid python3 -c "$1" "$2" "$3" drill-latency </dev/null >/dev/null 2>&1 &
until ss -tln | grep -q ":$4 "; do sleep 0.05; done
"""


_TRIES = 3


@dataclass(frozen=True)
class Fault(Harm):
    """What comes to `port` is handed on `seconds` later."""

    seconds: float = 0.2
    port: int = 6379

    def strike(self, scene: Scene) -> Wound:
        """Lead new connections through a slow process."""
        words = (_PROXY, str(self.port), str(self.seconds), str(self.port + 10000))
        scene.host.exec("sh", "-c", _START, "sh", *words)
        network.beside(scene, f"iptables -t nat -I PREROUTING {self._rule}")
        # Connections of before go on unhindered in the kernel; so they are ended.
        network.filter_with(scene, f"! -i lo -p tcp --dport {self.port} -j REJECT --reject-with tcp-reset")
        return Wound(f"{scene.host.name} is {self.seconds:g} s away")

    def seen(self, scene: Scene, wound: Wound) -> str:
        """Whoever asks waits that long for every answer; the shortest of some counts."""
        del wound
        took = min(_answer(scene.host.port(self.port)) for _ in range(_TRIES))
        return f"every answer takes {took:.2f} s" if took >= self.seconds else ""

    @property
    def _rule(self) -> str:
        return f"-p tcp --dport {self.port} -j REDIRECT --to-ports {self.port + 10000}"

    def heal(self, scene: Scene, wound: Wound) -> None:
        """Lead them straight again."""
        del wound
        network.let_through(scene)
        network.beside(scene, f"iptables -t nat -D PREROUTING {self._rule} 2>/dev/null || :")
        scene.host.exec("pkill", "-f", "drill-latency", ok=())


def _answer(port: int) -> float:
    """Return the seconds from a question until its answer, be it that we are not let in."""
    with socket.create_connection(("127.0.0.1", port), 10) as line:
        began = time.monotonic()
        line.sendall(b"PING\r\n")
        line.recv(64)
        return time.monotonic() - began
