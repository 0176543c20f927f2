"""The first failure of a worker, which ends it."""

import asyncio


class FirstFailure:
    """Reported by any thread, awaited by the running event loop. Later failures are ignored: they follow from it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[None] = self._loop.create_future()
        """Done, with the error as its exception, once a failure was reported."""

    def report(self, error: BaseException) -> None:
        """End the worker for `error`. Thread-safe; returns at once."""
        self._loop.call_soon_threadsafe(self._set, error)

    @property
    def reported(self) -> bool:
        """Whether a failure was reported."""
        return self.future.done()

    def _set(self, error: BaseException) -> None:
        if not self.future.done():
            self.future.set_exception(error)
