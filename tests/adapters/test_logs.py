"""What is written, and what is never written, to the logs."""

import json
import logging

import pytest

from adapters.logs import LONGEST_LINE, RECENT_LINES, RecentLines, set_up_logging
from adapters.redaction import Redactor


@pytest.fixture
def logged(tmp_path):
    root = logging.getLogger()
    before, level = root.handlers, root.level
    path = tmp_path / "logs" / "quorum.jsonl"
    set_up_logging(level="INFO", emoji=True, json_file=path, max_mib=1, keep=1, redactor=Redactor(["s3cret-key", ""]))
    yield lambda: [json.loads(line) for line in path.read_text().splitlines()]
    for handler in root.handlers:
        handler.close()
    root.handlers = before
    root.setLevel(level)


def test_a_line_is_one_json_object_with_utc_time(logged):
    logging.getLogger("actors.broker").info("filled %s", "BTCUSDT")
    (entry,) = logged()

    assert (entry["level"], entry["logger"], entry["message"]) == ("INFO", "actors.broker", "filled BTCUSDT")
    assert entry["time"].endswith("+00:00")


def test_secrets_are_replaced_in_messages_arguments_and_tracebacks(logged, capsys):
    log = logging.getLogger("adapters.openrouter")
    log.warning("key s3cret-key refused for %s", {"auth": "s3cret-key"})
    try:
        raise OSError("GET /?auth_token=s3cret-key failed")
    except OSError:
        log.exception("call failed")

    assert len(logged()) == 2
    assert "s3cret-key" not in json.dumps(logged())
    assert "s3cret-key" not in capsys.readouterr().err


def test_the_newest_lines_are_kept_without_secrets(logged):
    log = logging.getLogger("actors.news")
    recent = next(handler for handler in logging.getLogger().handlers if isinstance(handler, RecentLines))
    log.info("first")
    log.warning("asked with s3cret-key: %s", "x" * 3000)

    first, second = recent.lines()
    assert (first.number, first.level, first.logger, first.message) == (1, "INFO", "actors.news", "first")
    assert second.message.startswith("asked with ***: xxx")
    assert len(second.message) == LONGEST_LINE
    assert recent.lines(after=1) == (second,)
    for _ in range(RECENT_LINES):
        log.info("more")
    assert [line.number for line in recent.lines()][:1] == [3]
