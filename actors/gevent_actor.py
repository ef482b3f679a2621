"""Pykka's actor on gevent: greenlet loop, futures that frozen time cannot hang, a mailbox that conflates and counts.

Uses only the hooks that Pykka documents "for implementors of new actor types".
"""

import itertools
import sys
import time
from collections import deque
from collections.abc import Hashable
from typing import Any

import gevent
import gevent.event
import pykka
from pykka import messages


class GeventFuture(pykka.Future[Any]):
    """A future on AsyncResult: its timeout is a libev timer, so it is immune to a frozen clock."""

    def __init__(self) -> None:
        super().__init__()
        self._result: gevent.event.AsyncResult[Any] = gevent.event.AsyncResult()

    def get(self, *, timeout: float | None = None) -> Any:
        try:
            return super().get(timeout=timeout)  # the get-hook: map, join, stop
        except NotImplementedError:
            pass
        limit = gevent.Timeout(timeout)
        limit.start()
        try:
            return self._result.get()
        except gevent.Timeout as error:
            if error is not limit:  # somebody else's
                raise
            raise pykka.Timeout(f"{timeout} seconds") from None
        finally:
            limit.close()

    def set(self, value: Any = None) -> None:
        self._result.set(value)

    def set_exception(self, exc_info: Any = None) -> None:
        error = (exc_info or sys.exc_info())[1]
        self._result.set_exception(error if isinstance(error, BaseException) else RuntimeError("no exception given"))


class Inbox:
    """Mailbox: a message with a `conflate_key` replaces the waiting one of that key; the rest is in order, bounded.

    Asks and stops are never dropped. A full mailbox drops and counts: a blocking put would deadlock two actors.
    A conflated message keeps the PLACE of the one it replaces, so it may overtake mail of other kinds: only
    quotes, books and other absolute states have a key; trades, closed candles, orders, fills and decisions never.
    """

    def __init__(self, bound: int = 100_000) -> None:
        self.bound = bound
        self.conflated = self.dropped = self.handled = 0
        self.waiting = False  # the actor waits for mail: it is not inside a handler
        self.expected = False  # the actor has begun something whose result will be mail: it has not come to rest
        self.closed = False  # the actor's loop has ended: nothing of it runs any more
        self.arrived = 0.0  # time.monotonic() when the message taken last was put
        self._queue: deque[tuple[Hashable, list[Any], float]] = deque()
        self._latest: dict[Hashable, list[Any]] = {}
        self._ready = gevent.event.Event()

    def put(self, envelope: Any) -> None:
        told = envelope.reply_to is None
        key = getattr(envelope.message, "conflate_key", None) if told else None
        slot = [envelope]
        if key is not None:
            waiting = self._latest.get(key)
            if waiting is not None:
                waiting[0] = envelope
                self.conflated += 1
                return
            self._latest[key] = slot
        elif told and len(self._queue) >= self.bound and not isinstance(envelope.message, messages._ActorStop):
            self.dropped += 1
            return
        self._queue.append((key, slot, time.monotonic()))
        self._ready.set()

    def get(self) -> Any:
        while not self._queue:
            self.waiting = True
            self._ready.clear()
            self._ready.wait()
        self.waiting = False
        key, slot, self.arrived = self._queue.popleft()
        if key is not None:
            del self._latest[key]
        self.handled += 1
        return slot[0]

    def empty(self) -> bool:
        return not self._queue

    def waiting_messages(self, most: int) -> list[object]:
        """Return the oldest `most` messages that wait, without taking them."""
        return [slot[0].message for _, slot, _ in itertools.islice(self._queue, most)]

    def idle(self) -> bool:
        """Return whether nothing waits, nothing is being handled, and no result of the actor's own is to come."""
        return self.waiting and not self._queue and not self.expected

    def __len__(self) -> int:
        return len(self._queue)

    def oldest_age_seconds(self) -> float:
        """Return how long the first waiting message has waited; 0 when none waits."""
        return time.monotonic() - self._queue[0][2] if self._queue else 0.0


class GeventActor(pykka.ThreadingActor):
    """The actor type of this project: one greenlet, one Inbox."""

    _create_actor_inbox = staticmethod(Inbox)
    _create_future = staticmethod(GeventFuture)

    def mail_arrived(self) -> float:
        """Return when the message that is handled now arrived, by time.monotonic()."""
        assert isinstance(self.actor_inbox, Inbox)
        return self.actor_inbox.arrived

    def _start_actor_loop(self) -> None:
        self.greenlet = gevent.spawn(self._actor_loop)

    def _actor_loop(self) -> None:
        """Die with a last word however the loop ends: who is killed between two messages would live on as a zombie.

        Only then it counts as ended. Pykka calls an actor dead before its on_failure or on_stop has run: what they wait
        for may still be under way.
        """
        try:
            super()._actor_loop()
        except BaseException:  # noqa: BLE001 - whatever it was, this actor is down and only this one
            failure = sys.exc_info()
            self._handle_failure(*failure)
            self.on_failure(*failure)
            self._actor_loop_teardown()
        finally:
            assert isinstance(self.actor_inbox, Inbox)
            self.actor_inbox.closed = True

    def _handle_receive(self, message: Any) -> Any:
        """Let no BaseException out: Pykka answers one by stopping EVERY actor of the process."""
        try:
            return super()._handle_receive(message)
        except Exception:
            raise
        except BaseException as error:  # gevent.Timeout, GreenletExit, SystemExit
            raise RuntimeError(f"{type(error).__name__} left a message handler") from error
