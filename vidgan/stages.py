"""Running stages side by side: a generator moved to a thread of its own, with a bounded queue."""

import contextlib
import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class _End:
    """The last thing in a queue: the stage is done, or failed with `error`."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


@contextlib.contextmanager
def prefetch(items: Iterable[T], *, depth: int) -> Iterator[Iterator[T]]:
    """Iterate over `items` in a thread, at most `depth` of them ahead of the consumer.

    What `items` raises is raised where the consumer asks for the next one. When the block ends,
    for whatever reason, the thread is stopped and waited for, so that nothing goes on in the
    background.
    """
    stage = _Stage(items, depth)
    try:
        yield stage.results()
    finally:
        stage.stop()


class _Stage(Generic[T]):
    def __init__(self, items: Iterable[T], depth: int) -> None:
        self._items = items
        self._queue: queue.Queue[T | _End] = queue.Queue(depth)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            try:
                for item in self._items:
                    if not self._put(item):
                        break
            finally:
                if isinstance(self._items, Iterator) and hasattr(self._items, "close"):
                    self._items.close()
        except BaseException as exc:  # carried over to the consumer, whatever it is
            error = exc
        self._put(_End(error))

    def _put(self, item: T | _End) -> bool:
        """Wait for room; False where the consumer is gone."""
        while not self._stopped.is_set():
            try:
                self._queue.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def results(self) -> Iterator[T]:
        while True:
            item = self._queue.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()
