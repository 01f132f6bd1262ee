"""The network of a stack's host, altered from outside it: nobody on the host can see or undo it."""

from __future__ import annotations

from agent.errors import EngineMissing, StepFailed
from drills.rig import images
from drills.rig.adapt import LABEL, STACK_LABEL
from drills.rig.fault import Scene

CHAIN = "DRILL"
_CHAIN = f"iptables -N {CHAIN} 2>/dev/null || iptables -F {CHAIN}; iptables -C INPUT -j {CHAIN} 2>/dev/null "
_CHAIN += f"|| iptables -I INPUT -j {CHAIN}; "
_GONE = f"iptables -D INPUT -j {CHAIN} 2>/dev/null || :; iptables -F {CHAIN} 2>/dev/null || :; "
_GONE += f"iptables -X {CHAIN} 2>/dev/null || :"


def filter_with(scene: Scene, *rules: str) -> None:
    """Have packets that come in at the scene's host go through these rules of iptables first."""
    beside(scene, _CHAIN + "; ".join(f"iptables -A {CHAIN} {rule}" for rule in rules))


def let_through(scene: Scene) -> None:
    """Take those rules away again; nothing where there are none."""
    if scene.host.running:
        beside(scene, _GONE)


def beside(scene: Scene, script: str) -> str:
    """Run a shell script in a toolbox that shares the network of the scene's host; return what it said.

    Raises:
        EngineMissing: the engine does not grant such a container.
        StepFailed: it did not end well.
    """
    from docker.errors import APIError, ContainerError

    engine = scene.stack.engine
    try:
        said = engine.client.containers.run(
            engine.image_of(images.TOOLBOX),
            ["sh", "-ec", script],
            network_mode=f"container:{scene.host.container.id}",
            cap_add=["NET_ADMIN", "NET_RAW"],
            remove=True,
            labels={LABEL: "1", STACK_LABEL: scene.stack.name, "drillyard.toolbox": "1"},
        )
    except ContainerError as error:
        raise StepFailed(f"{scene.host.name}: its network could not be altered: {error.stderr!r}") from None
    except APIError as error:
        raise EngineMissing(
            f"Expected a container with NET_ADMIN, the engine refused: {error.explanation}",
            do="Drills that alter networks cannot run on this engine.",
        ) from None
    return bytes(said).decode("utf-8", "replace")
