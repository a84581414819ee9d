"""An iterator that is asked ahead of time: a thread waits for the server while the ledger is written."""

import threading
from collections.abc import Generator
from queue import Empty, Full, Queue
from typing import TypeVar

_T = TypeVar("_T")
_POLL_S = 0.1


class _End:
    """The last thing that comes through: what ended the iterator."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def ahead(items: Generator[_T, None, None], at_most: int) -> Generator[_T, None, None]:
    """Yield the same items, up to `at_most` of them fetched before they are asked for. An error comes at its place."""
    queue: Queue[_T | _End] = Queue(at_most)
    left = threading.Event()

    def put(item: _T | _End) -> None:
        while not left.is_set():
            try:
                queue.put(item, timeout=_POLL_S)
            except Full:
                continue
            return

    def fetch() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                put(item)
                if left.is_set():
                    items.close()  # here: a generator may be closed only by the thread that runs it
                    return
        except BaseException as caught:
            error = caught
        put(_End(error))

    thread = threading.Thread(target=fetch, name="reading ahead", daemon=True)
    thread.start()
    try:
        while True:
            try:
                item = queue.get(timeout=_POLL_S)
            except Empty:
                continue
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        left.set()
        thread.join()
