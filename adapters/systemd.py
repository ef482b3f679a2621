"""The service manager's notify protocol (sd_notify): READY, WATCHDOG, STOPPING. Does nothing where there is none."""

import logging
import os
import socket

log = logging.getLogger(__name__)


class Notifier:
    """Tells the service manager our state over the datagram socket named by NOTIFY_SOCKET."""

    def __init__(self, address: str | None) -> None:
        self._address = address.replace("@", "\0", 1) if address and address.startswith("@") else address

    @classmethod
    def from_environment(cls) -> "Notifier":
        return cls(os.environ.get("NOTIFY_SOCKET"))

    def ready(self) -> None:
        self._send("READY=1")

    def watchdog(self) -> None:
        """Say that all is well. Call it only when it is: silence makes the service manager restart us."""
        self._send("WATCHDOG=1")

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
