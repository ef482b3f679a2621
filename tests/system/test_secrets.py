"""Planted secrets: nothing that a desk writes, prints, stores or sends holds one, whatever fails around it."""

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymongo
import pytest
import zstandard

from adapters.redaction import Redactor
from tests.soak.__main__ import settings_of, start_world
from tests.system.desk_process import ROOT, DeskProcess, environment, until

PLANTED = {
    "OPENROUTER_API_KEY": "sk-or-v1-planted0000111122223333",
    "CRYPTOPANIC_API_KEY": "planted-cryptopanic-4444",
    "HUB_OPERATOR_TOKEN": "planted-operator-token-5555666677778888",
    "HUB_VIEWER_TOKEN": "planted-viewer-token-99990000aaaabbbb",
    "TELEGRAM_BOT_TOKEN": "123456789:planted-telegram-ccccdddd",
}
HOOK = "http://127.0.0.1:{port}/services/planted-hookpath?sig=planted-hooksig"


class Echo(http.server.BaseHTTPRequestHandler):
    """Refuses every request with what it held: address, headers and all."""

    asked: list[str]
    bodies: list[str]

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
        said = f"refused: {self.path} {dict(self.headers)} {self.headers.get('Authorization')}"
        self.asked.append(said)
        body = json.dumps({"error": {"message": said, "code": 401}, "parameters": {"retry_after": 1}}).encode()
        self.send_response(401 if "chat" in self.path else 500)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_CONNECT = do_POST

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def echo() -> Iterator[Any]:
    handler = type("Asked", (Echo,), {"asked": [], "bodies": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.timeout(400)
def test_no_output_of_a_desk_holds_a_planted_secret(
    desks: Callable[..., DeskProcess], mongodb_uri: str, echo: Any, tmp_path: Path
) -> None:
    port = echo.server_address[1]
    world, addresses = start_world(tmp_path / "world.txt")
    settings = settings_of(addresses, port=0, rhythm=2) | {
        "storage": {"data_dir": str(tmp_path / "var"), "database": "secrets"},
        "notifications": {"webhook_url": HOOK.format(port=port), "telegram_chat_id": "-1001", "per_minute": 100},
        "logging": {"level": "DEBUG"},
    }
    settings["llm"]["base_url"] = f"http://127.0.0.1:{port}/api/v1"
    settings["news"]["cryptopanic_url"] = f"http://127.0.0.1:{port}/api/v2"
    desk = desks(settings, MONGODB_URI=mongodb_uri, HTTPS_PROXY=f"http://127.0.0.1:{port}", **PLANTED)
    try:
        desk.start()
        asked = echo.RequestHandlerClass.asked
        until(lambda: not _unused(asked), seconds=120, what="each key was used")
        seen = [_page(desk, path) for path in ("/healthz", "/readyz", "/metrics", "/")]
        seen.append(_frames_of_an_operator(desk))
        desk.settings.write_text("notifications: {webhook_url: 'http://x/planted-hookpath', telegram_chat_id: [1]}")
        desk.send_signal(signal.SIGHUP)
        until(lambda: "not reloaded" in desk.log, seconds=60, what="the reload was refused")
        desk.send_signal(signal.SIGABRT)  # a crash: Python is gone without a word of its own
        desk.wait(30)
    finally:
        world.terminate()
        world.wait(20)
    seen += [desk.log, *_texts_under(tmp_path / "var")]
    seen += _documents(mongodb_uri, "secrets")
    seen += echo.RequestHandlerClass.bodies  # what models and people are sent
    assert "quorum_notifications_total" in seen[2] and len(seen) > 20
    planted = ("planted-", "planted0000", _password(mongodb_uri))
    for text in seen:
        for secret in planted:
            at = text.find(secret)
            assert at < 0, f"{secret} leaks: …{text[max(0, at - 300) : at + 100]}"


def _unused(asked: list[str]) -> list[str]:
    """Return who was not asked yet, with its secret, of models, news, webhook and Telegram (the proxy refuses it)."""
    wanted = ("planted0000", "planted-cryptopanic", "planted-hookpath", "api.telegram.org")
    return [name for name in wanted if not any(name in said for said in asked)]


def _page(desk: DeskProcess, path: str) -> str:
    """Return a page as the operator sees it."""
    header = {"Authorization": f"Bearer {PLANTED['HUB_OPERATOR_TOKEN']}"}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(desk.address + path, headers=header), timeout=30) as answer:
        return str(answer.read().decode())


def _frames_of_an_operator(desk: DeskProcess) -> str:
    """Return all frames of a session that asks for everything a desk tells about itself."""
    import websocket

    address = desk.address.replace("http", "ws", 1) + "/ws"
    header = [f"Authorization: Bearer {PLANTED['HUB_OPERATOR_TOKEN']}"]
    ws = websocket.create_connection(address, timeout=30, header=header)
    kinds = ("get_logs", "get_health", "get_analysts", "get_bot_config", "get_decisions", "reload_settings")
    for kind in kinds:
        ws.send(json.dumps({"type": kind, "request_id": kind}))
    frames, answered = [], set()
    while answered < set(kinds):
        frames.append(ws.recv())
        answered.add(json.loads(frames[-1]).get("request_id"))
        answered.discard(None)
    ws.close()
    return "\n".join(frames)


def _texts_under(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.suffix == ".zst":
            yield _unpacked(path.read_bytes()).decode("latin-1")
        elif path.is_file():
            yield path.read_bytes().decode("latin-1")


def _unpacked(data: bytes) -> bytes:
    """Return what stands in the frames of a recording; of a killed desk's the last one has no end."""
    parts = []
    while data:
        frame = zstandard.ZstdDecompressor().decompressobj()
        parts.append(frame.decompress(data))
        data = frame.unused_data
    return b"".join(parts)


def _documents(uri: str, database: str) -> list[str]:
    with pymongo.MongoClient(uri) as client:  # type: ignore[var-annotated]
        names = client[database].list_collection_names()
        return [f"{name}: {list(client[database][name].find())}" for name in names]


def _password(uri: str) -> str:
    return uri.split("://")[1].split("@")[0].split(":")[1]


CRASH = """
from gevent import monkey; monkey.patch_all()
import faulthandler, logging, sys, threading, warnings, gevent
import supervisor
secret = "sk-or-v1-planted0000111122223333"

def crash(settings, parsed, logs, redactor):
    def fail():
        raise ValueError(f"the answer to {secret} was {[secret]}")
    gevent.spawn(fail).join()
    thread = threading.Thread(target=fail); thread.start(); thread.join()
    logging.getLogger("actors.x").error("with its stack %s", secret, stack_info=True)
    warnings.warn(secret)
    faulthandler.dump_traceback()
    print("printed", secret)
    sys.stderr.write(f"half a line {secret}")
    fail()

supervisor.run = crash
supervisor.main(["--market", "simulated", "--settings", sys.argv[1]])
"""


def test_a_crash_prints_no_planted_secret(tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text(json.dumps({"storage": {"data_dir": str(tmp_path / "var")}}))
    ended = subprocess.run(
        [sys.executable, "-c", CRASH, str(settings)],
        env=environment(PYTHONPATH=str(ROOT), **PLANTED),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = ended.stdout + ended.stderr + "".join(_texts_under(tmp_path / "var"))
    assert ended.returncode == 1
    assert said.count("ValueError: the answer to *** was ['***']") == 3, said  # greenlet, thread, main
    assert "printed ***" in said and "half a line ***" in said and "with its stack ***" in said
    assert "planted" not in said


def test_wrong_settings_name_no_planted_secret(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("TELEGRAM_BOT_TOKEN=planted-in-env-file-0123\nHUB_OPERATOR_TOKEN=planted\n")
    settings = tmp_path / "settings.yaml"
    settings.write_text(
        "server: {host: 0.0.0.0}\nllm: {api_key: planted-in-yaml-000}\nmarket: {source: planted-in-yaml}\n"
    )
    ended = subprocess.run(
        [sys.executable, str(ROOT / "supervisor.py"), "--settings", str(settings)],
        env=environment(MONGODB_URI="mongodb://u:planted-mongo-pass@127.0.0.1:1/x"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    said = (ended.stdout + ended.stderr).replace("planted-in-yaml'", "")  # a source is no secret: it is shown
    assert "planted" not in said


def test_the_redactor_knows_the_planted_ones() -> None:
    redactor = Redactor([*PLANTED.values(), HOOK.format(port=1)])
    text = os.linesep.join([*PLANTED.values(), HOOK.format(port=1)])
    assert "planted" not in redactor.redact(text)
