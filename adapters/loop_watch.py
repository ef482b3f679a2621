"""Computing that blocks the event loop: gevent's monitor thread sees it, its stack is written at once and logged later.

While the loop is blocked no actor, timer or socket goes on, and no log handler may be used from another thread: the
stack goes to standard error by a bare write. It is logged too as soon as the loop turns again.
"""

import logging
import os
import sys
import time
import traceback
from collections import deque

import gevent
import gevent.events
from gevent.hub import Hub

log = logging.getLogger(__name__)

STACK_LINES = 12  # the innermost frames of what blocks
STANDARD_ERROR = 2


class LoopWatch:
    """Names what keeps the loop of this thread for longer than `limit_seconds`, once per such time."""

    def __init__(self, *, limit_seconds: float, output: int = STANDARD_ERROR) -> None:
        self._limit_seconds = limit_seconds
        self._output = output  # a file descriptor
        self._found: deque[tuple[float, str]] = deque(maxlen=10)  # when, which stack; not yet logged
        self._turned = True  # the loop has turned since the last report
        self._watching = False
        self.count = 0  # how often it was blocked

    def start(self) -> None:
        """Watch from now on. Once per process, in the thread of the loop."""
        self._watching = True
        gevent.sleep(0)  # the hub must have begun: the monitor's thread takes one that has not for gone, and ends
        hub = gevent.get_hub()
        gevent.config.monitor_thread = True
        gevent.config.print_blocking_reports = False
        gevent.config.max_blocking_time = self._limit_seconds
        self._hub_thread = hub.thread_ident
        self._waker = hub.loop.async_()
        self._waker.start(self._on_turn)
        gevent.events.subscribers.append(self._on_event)
        hub.start_periodic_monitoring_thread()

    def stop(self) -> None:
        """Watch no more. May be repeated."""
        if not self._watching:
            return
        self._watching = False
        hub = gevent.get_hub()
        gevent.events.subscribers.remove(self._on_event)
        self._waker.close()
        if hub.periodic_monitoring_thread is not None:
            hub.periodic_monitoring_thread.kill()
            hub.periodic_monitoring_thread = None

    def _on_event(self, event: object) -> None:
        """Runs in the monitor's thread, again and again while the loop is blocked."""
        if not isinstance(event, gevent.events.EventLoopBlocked) or not self._turned:
            return
        frame = sys._current_frames().get(self._hub_thread)
        if frame is not None and frame.f_code is Hub.run.__code__:
            return  # it turns again, since a moment ago
        self._turned = False
        self.count += 1
        stack = "".join(traceback.format_stack(frame)[-STACK_LINES:]) if frame is not None else "  code in C\n"
        self._found.append((time.monotonic(), stack))
        text = f"The loop is blocked for more than {self._limit_seconds:g} s, by:\n{stack}"
        os.write(self._output, text.encode(errors="replace"))
        self._waker.send()

    def _on_turn(self) -> None:
        """Runs in the hub, once the loop turns again; a log handler may have to wait, the hub may not."""
        self._turned = True
        gevent.spawn(self._log)

    def _log(self) -> None:
        while self._found:
            found_at, stack = self._found.popleft()
            seconds = time.monotonic() - found_at + self._limit_seconds
            log.warning("The loop was blocked for about %.1f s, by:\n%s", seconds, stack)
