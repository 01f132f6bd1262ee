"""Letters carried by Dask: its workers are the processes near the hosts, its scheduler the post office."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Coroutine
from concurrent.futures import TimeoutError as TooLate
from contextlib import suppress
from typing import Any, TypeVar

from agent import __version__
from agent.errors import Unreachable, Usage
from agent.inventory.model import Host
from agent.transport.far import safe, station
from agent.transport.far.letter import Letter, Reply
from agent.transport.far.place import Worker, place
from agent.transport.far.road import Undelivered

try:
    import distributed
except ModuleNotFoundError as _missing:
    raise Usage(
        f"--engine dask:// needs Dask, and it is not installed here ({_missing.name} is missing).",
        do="pip install 'drillyard[dask]'.",
    ) from None

T = TypeVar("T")
dask: Any = distributed  # half of it has no types

# What Dask would otherwise print over the screen is in the errors we raise.
logging.getLogger("distributed").setLevel(logging.CRITICAL)

_OURS = station.version()
_CONNECT = 10.0
_LOOK = 1.0  # seconds between two looks at which workers there are


class DaskPost:
    """A connection to a Dask cluster, in a thread of its own.

    Letters are calls out of band (`Client.run`): no task, so nothing of them in a graph, on a dashboard or in
    a log, and nothing that Dask would do again by itself when a worker is lost, as it does with an actor's.
    """

    def __init__(self, where: str, *, insecure: bool = False) -> None:
        """`where` is `HOST:PORT` of the scheduler; TLS is spoken where Dask's configuration has certificates.

        Raises:
            Unreachable: no scheduler answers there, or its workers cannot be used.
            Refused: they are spoken to in the clear over a network, and `insecure` is not set.
        """
        configured = dask.Security()
        tls = bool(configured.tls_ca_file and configured.tls_client_cert)
        self._address = f"{'tls' if tls else 'tcp'}://{where}"
        self._security: Any = dask.Security(require_encryption=True) if tls else configured
        if not insecure:
            safe.refuse_open([self._address])
        self._lock = threading.Lock()
        self._load: Counter[str] = Counter()
        self._workers: dict[str, Worker] = {}
        self._vetted: dict[str, str] = {}
        self._insecure = insecure
        self._clear: list[str] = []
        self._client: Any = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="engine", daemon=True)
        self._thread.start()
        try:
            self._wait(self._connect(), _CONNECT * 3)
        except Undelivered as late:
            self.close()
            raise Unreachable(f"The engine at {self._address} does not answer: {late.reason}.") from None
        except BaseException:
            self.close()
            raise

    def place(self, host: Host) -> Worker:
        """Return the worker to hold a host's road, and count it as held."""
        with self._lock:
            worker = place(host, list(self._workers.values()), self._load)
            self._load[worker.address] += 1
            return worker

    def left(self, worker: Worker) -> None:
        """Count a road less."""
        with self._lock:
            self._load[worker.address] -= 1

    def send(self, worker: Worker, letter: Letter, within: float) -> Reply:
        """Return a worker's reply to a letter, waiting no longer than `within` seconds."""
        return self._wait(self._send(worker, letter, within), within + _CONNECT)

    def close(self) -> None:
        """Let go of the cluster; never raises."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):
                self._looker.cancel()
                self._wait(client.close(timeout=2), 5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _wait(self, coroutine: Coroutine[Any, Any, T], seconds: float) -> T:
        waiting = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return waiting.result(seconds)
        except TooLate:
            waiting.cancel()
            raise Undelivered(f"no answer in {seconds:g} s") from None

    async def _connect(self) -> None:
        try:
            self._client = await dask.Client(
                self._address,
                security=self._security,
                asynchronous=True,
                set_as_default=False,
                timeout=_CONNECT,
            )
        except (OSError, TimeoutError, RuntimeError, TypeError, ValueError) as error:
            raise Unreachable(
                f"No Dask scheduler answers at {self._address}: {error}.",
                do="See that it runs (dask scheduler), and that its certificates are those of Dask's "
                "configuration here.",
            ) from None
        await self._look()
        safe.refuse_open(self._clear)
        if not self._workers:
            raise Unreachable(
                f"The scheduler at {self._address} has no worker that can be used"
                + "".join(f"; {why}" for why in self._vetted.values() if why)
                + ".",
                do=f"Install drillyard {__version__} there, and start one: dask worker {self._address}.",
            )
        self._looker = asyncio.ensure_future(self._keep_looking())

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(_LOOK)
            try:
                await asyncio.wait_for(self._look(), _CONNECT)
            except Exception:  # noqa: BLE001 - a scheduler that is gone has no workers
                self._workers = {}

    async def _look(self) -> None:
        """See which workers there are, and that each is one of ours."""
        seen = (await self._client.scheduler.identity(n_workers=-1))["workers"]
        self._clear = [each for each in seen if not self._insecure and safe.in_the_clear(each)]
        seen = {each: known for each, known in seen.items() if each not in self._clear}
        await asyncio.gather(
            *(self._vet(address, seen[address]) for address in set(seen) - set(self._vetted))
        )
        self._workers = {
            address: Worker(address, str(known["name"]), tuple(sorted(known.get("resources") or ())))
            for address, known in seen.items()
            if self._vetted.get(address) == ""
        }

    async def _vet(self, address: str, known: Any) -> None:
        """Note why a worker cannot be used, or that it can."""
        try:
            calls = self._client.run(station.version, workers=[address], on_error="raise")
            found = (await asyncio.wait_for(calls, _CONNECT))[address]
        except ModuleNotFoundError as error:
            self._vetted[address] = f"{known['name']} has no {error.name}"
            return
        except Exception:  # noqa: BLE001 - it is asked again at the next look
            self._vetted.pop(address, None)
            return
        self._vetted[address] = "" if found == _OURS else f"{known['name']} has {found}, and we are {_OURS}"

    async def _send(self, worker: Worker, letter: Letter, within: float) -> Reply:
        if worker.address not in self._workers:
            raise Undelivered(f"the engine no longer has {worker.name}", begun=False)
        call = asyncio.ensure_future(self._client.run(station.answer, letter, workers=[worker.address]))
        end = self._loop.time() + within
        try:
            while not call.done():
                await asyncio.wait({call}, timeout=_LOOK / 2)
                if call.done():
                    break
                if worker.address not in self._workers:
                    raise Undelivered(f"the engine no longer has {worker.name}")
                if self._loop.time() > end:
                    raise Undelivered(f"no answer in {within:g} s")
            reply: Reply = call.result()[worker.address]
        except Undelivered:
            raise
        except Exception as error:  # noqa: BLE001 - whatever Dask could not do, no reply came of it
            raise Undelivered(f"{type(error).__name__}: {error}") from None
        finally:
            call.cancel()
        return reply
