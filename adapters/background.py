"""Writing in the background: a greenlet that lives while something is queued and tries until it is stored."""

import logging
from collections.abc import Callable

import gevent
from pymongo.errors import PyMongoError

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.05, 2.0


class BackgroundWriter:
    """Runs `write` until it returns False (nothing left), waiting longer and longer while the database is away."""

    def __init__(self, *, name: str, write: Callable[[], bool]) -> None:
        """Args:
        name: what is written, for the log.
        write: store one batch and return whether more may be waiting; a PyMongoError leaves the batch queued.
        """
        self._name = name
        self._write = write
        self._greenlet: gevent.Greenlet[[], None] | None = None
        self._closed = False

    @property
    def busy(self) -> bool:
        """Whether something is being written."""
        return self._greenlet is not None

    def wake(self) -> None:
        """Begin to write, unless that is going on; returns at once."""
        if self._greenlet is None and not self._closed:
            self._greenlet = gevent.spawn(self._run)

    def close(self, *, timeout_seconds: float) -> bool:
        """Wait for what is queued; return False when it did not get through in time. No further writing after it."""
        greenlet = self._greenlet
        if greenlet is not None:
            greenlet.join(timeout=timeout_seconds)
        self._closed = True
        finished = self._greenlet is None
        if greenlet is not None and not finished:
            greenlet.kill(block=False)
        return finished

    def _run(self) -> None:
        pause = 0.0
        try:
            while True:
                try:
                    more = self._write()
                except PyMongoError as error:
                    level = logging.DEBUG if pause else logging.WARNING
                    pause = min(LONGEST_PAUSE_SECONDS, max(FIRST_PAUSE_SECONDS, pause * 2))
                    log.log(level, "%s wait for the database (%s)", self._name, type(error).__name__)
                    gevent.sleep(pause)
                    continue
                pause = 0.0
                if not more:
                    return
        except Exception:  # a bug in one batch may not end the writing of later ones
            log.exception("%s could not be written", self._name)
        finally:
            self._greenlet = None
