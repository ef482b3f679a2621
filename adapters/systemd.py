"""The service manager's notify protocol (sd_notify): READY, WATCHDOG, STATUS, STOPPING; nothing where there is none."""

import logging
import os
import socket
import time
from collections.abc import Mapping

log = logging.getLogger(__name__)

PINGS_PER_LIMIT = 4  # the manual asks for two at least
LONGEST_STATUS = 1000  # characters


class Notifier:
    """Tells the service manager our state over the datagram socket named by NOTIFY_SOCKET.

    Args:
        address: of the socket; one that starts with @ is abstract. None or empty: nobody is told.
        watchdog_seconds: after so much silence the service manager ends us; None when it does not listen for us.
    """

    def __init__(self, address: str | None, *, watchdog_seconds: float | None = 0.0) -> None:
        self._address = "\0" + address[1:] if address and address.startswith("@") else address
        self._ping_seconds = None if watchdog_seconds is None else watchdog_seconds / PINGS_PER_LIMIT
        self._pinged = -float("inf")
        self._status = ""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> "Notifier":
        environ = os.environ if environ is None else environ
        return cls(environ.get("NOTIFY_SOCKET"), watchdog_seconds=_watchdog_seconds(environ))

    def ready(self) -> None:
        self._send("READY=1")

    def watchdog(self) -> None:
        """Say that all is well. Call it only when it is, as often as you like: silence makes the manager restart us."""
        now = time.monotonic()
        if self._ping_seconds is not None and now - self._pinged >= self._ping_seconds:
            self._pinged = now
            self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """Say in one line for people how it goes; said once until it changes."""
        line = " ".join(text.split())[:LONGEST_STATUS]
        if line != self._status:
            self._status = line
            self._send(f"STATUS={line}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.settimeout(1)
                sock.sendto(text.encode(), self._address)
        except OSError as error:
            log.warning("Service manager not told %s: %s", text, error)


def _watchdog_seconds(environ: Mapping[str, str]) -> float | None:
    """Return the limit that systemd set for this process; None when there is none, or it is another process's."""
    limit, process = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not limit.isdecimal() or (process and process != str(os.getpid())):
        return None
    return int(limit) / 1_000_000
