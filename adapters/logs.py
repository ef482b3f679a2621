"""Logs: lines on the console for people, JSON lines in rotated files for machines, no secrets in either."""

import json
import logging
import sys
from collections import deque
from datetime import UTC, datetime
from itertools import count
from logging.handlers import RotatingFileHandler
from pathlib import Path

from adapters.redaction import Redactor
from domain.ports import LogLine

COLOURS = {"DEBUG": "\x1b[2m", "INFO": "", "WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[1;31m"}
MARKS = {  # by logger name, longest first
    "actors.market": "📈",
    "actors.news": "📰",
    "actors.analyst": "🧠",
    "actors.bot": "🤖",
    "actors.broker": "📒",
    "actors.hub": "🔌",
    "actors.supervisor": "🛟",
    "adapters": "🔧",
    "web": "🌐",
}
RECENT_LINES = 2000
LONGEST_LINE = 2000  # characters


class _WithoutSecrets(logging.Filter):
    """Takes the known secrets out of every record, whatever logged it."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redact = redactor.redact

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            text = record.getMessage()
        except Exception as error:  # noqa: BLE001 - raised in a filter, it would end the actor that logs
            text = f"{record.msg!r}, whose arguments do not fit ({type(error).__name__})"
        record.msg, record.args = self._redact(text), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = self._redact(record.exc_text)
        if record.stack_info:
            record.stack_info = self._redact(record.stack_info)
        return True


class ConsoleFormatter(logging.Formatter):
    """`12:00:01 INFO  📒 broker: filled …`, coloured on a terminal."""

    def __init__(self, *, colour: bool, emoji: bool) -> None:
        super().__init__()
        self._colour = colour
        self._emoji = emoji

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        name = record.name.removeprefix("actors.")
        mark = next((m for prefix, m in MARKS.items() if record.name.startswith(prefix)), "•") if self._emoji else ""
        line = f"{moment} {record.levelname:<7} {mark} {name}: {record.getMessage()}"
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            line = f"{line}\n{record.exc_text}"
        colour = COLOURS.get(record.levelname, "") if self._colour else ""
        return f"{colour}{line}\x1b[0m" if colour else line


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            entry["exception"] = record.exc_text
        return json.dumps(entry, ensure_ascii=False)


class RecentLines(logging.Handler):
    """Keeps the newest lines in memory, of each at most LONGEST_LINE characters. The RecentLogs port."""

    def __init__(self, limit: int = RECENT_LINES) -> None:
        super().__init__()
        self._lines: deque[LogLine] = deque(maxlen=limit)
        self._numbers = count(1)

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(
            LogLine(
                number=next(self._numbers),
                at_ms=round(record.created * 1000),
                level=record.levelname,
                logger=record.name,
                message=record.getMessage()[:LONGEST_LINE],
            )
        )

    def lines(self, *, after: int = 0) -> tuple[LogLine, ...]:
        """Return the kept lines of a greater number than `after`, oldest first."""
        return tuple(line for line in self._lines if line.number > after)


def set_up_logging(
    *, level: str, emoji: bool, json_file: Path | None, max_mib: int, keep: int, redactor: Redactor
) -> RecentLines:
    """Send the root logger to the console and, if given, to `json_file` (rotated at `max_mib`, `keep` old ones).

    Returns:
        The newest lines, as they are kept for the dashboard.
    """
    root = logging.getLogger()
    root.setLevel(level)
    without_secrets = _WithoutSecrets(redactor)
    console = logging.StreamHandler(sys.stderr)
    console.setFormatter(ConsoleFormatter(colour=sys.stderr.isatty(), emoji=emoji))
    recent = RecentLines()
    handlers: list[logging.Handler] = [console, recent]
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        rotated = RotatingFileHandler(json_file, maxBytes=max_mib * 1024 * 1024, backupCount=keep, encoding="utf-8")
        rotated.setFormatter(JsonFormatter())
        handlers.append(rotated)
    for handler in handlers:
        handler.addFilter(without_secrets)
    root.handlers = handlers
    for noisy in (
        "urllib3",
        "httpx2",
        "httpx",
        "httpcore",
        "openai",
        "pymongo",
        "websocket",
        "geventwebsocket",
        "pykka",
    ):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    return recent
