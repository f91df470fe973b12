"""An event loop without sockets: what waits are timers and requests to the host."""

from __future__ import annotations

import asyncio
import types
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from . import _bridge

_PATIENCE = 100  # rounds that requests wait while other tasks run


class _Waiter:
    """Stands where other loops have a selector: it is asked when there is nothing to
    run, or to look whether something has come in meanwhile."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._rounds = 0

    def select(self, timeout: float | None) -> list[Any]:
        loop = self._loop
        self._rounds += 1
        if loop.asked and (timeout != 0 or len(loop.asked) >= _bridge.REQUESTS_MAX or self._rounds > _PATIENCE):
            self._rounds = 0
            loop.ask_host()
        elif timeout is None:
            raise RuntimeError("every task waits, and there is nothing left that could wake one")
        elif timeout > 0:
            _bridge.host.sleep(timeout)
        return []

    def close(self) -> None:
        pass


class Loop(asyncio.BaseEventLoop):
    """The event loop of an actor. Requests that tasks make without one of them having to
    wait for another's answer go to the host in one call."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[_bridge.RawRequest, asyncio.Future[_bridge.RawAnswer]]] = []
        self._selector = _Waiter(self)

    def time(self) -> float:
        """The clock of timers."""
        return _bridge.host.monotonic()

    def ask(self, request: _bridge.RawRequest) -> asyncio.Future[_bridge.RawAnswer]:
        """Makes a request as soon as no task can run."""
        future: asyncio.Future[_bridge.RawAnswer] = self.create_future()
        self.asked.append((request, future))
        return future

    def ask_host(self) -> None:
        waiting = [pair for pair in self.asked if not pair[1].done()]  # some may be cancelled
        some, self.asked = waiting[: _bridge.REQUESTS_MAX], waiting[_bridge.REQUESTS_MAX :]
        if not some:
            return
        try:
            answers = _bridge.host.call([request for request, _ in some])
        except Exception as e:
            for _, future in some:
                future.set_exception(e)
            return
        for (_, future), answer in zip(some, answers):
            future.set_result(answer)

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Runs a function at once: there are no threads. asyncio.to_thread does so, too."""
        future: asyncio.Future[Any] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as e:
            future.set_exception(e)
        return future

    def _process_events(self, event_list: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass


async def ask(request: _bridge.RawRequest) -> _bridge.RawAnswer:
    """Makes a request together with those of other tasks."""
    loop = asyncio.get_running_loop()
    if isinstance(loop, Loop):
        return await loop.ask(request)
    return _bridge.host.call([request])[0]  # a loop of somebody else's


class Policy(asyncio.DefaultEventLoopPolicy):
    """Has asyncio.run use the loop."""

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        """A loop."""
        return Loop()


_kept: Loop | None = None  # from message to message


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Runs a coroutine to its end. Tasks that are left then are cancelled."""
    global _kept
    loop, _kept = _kept or Loop(), None
    try:
        result = loop.run_until_complete(coroutine)
        if left := asyncio.all_tasks(loop):
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    except BaseException:
        if not loop.is_running():
            _abandon(loop)
        raise
    _kept = loop
    return result


def _abandon(loop: Loop) -> None:
    """Ends what is left on a loop that nothing runs on any more."""
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        if isinstance(coroutine := task.get_coro(), types.CoroutineType):
            try:
                coroutine.close()
            except Exception:
                pass
    loop.close()


async def collect(results: AsyncIterator[Any], take: Callable[[Any], None]) -> None:
    """Hands everything that a generator yields to take."""
    async for result in results:
        take(result)
