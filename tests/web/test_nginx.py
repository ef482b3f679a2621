"""The example configuration of nginx in front of a server: TLS, sessions, what is denied, what is not logged."""

import re
import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
import websocket

from adapters.mongod_files import free_port
from domain.messages import ClientArrived
from tests.adapters.waiting import eventually

pytestmark = pytest.mark.skipif(shutil.which("nginx") is None, reason="needs nginx")

ROOT = Path(__file__).parent.parent.parent
NAME, TOKEN = "desk.example.com", "operator-" + "o" * 32


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of our own for the name in the example."""
    folder = tmp_path_factory.mktemp("certificate")
    key, chain = folder / "privkey.pem", folder / "fullchain.pem"
    subject = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", chain]
    subprocess.run([*made, *subject], check=True, capture_output=True)
    return folder


@pytest.fixture
def desk(serve):
    return serve(operator_token=TOKEN, allowed_origins=(f"https://{NAME}",), trusted_proxies=("127.0.0.1/32",))


class Proxy:
    """nginx with the example, on free ports, its files in a folder of its own."""

    def __init__(self, folder: Path, certificate: Path, desk_port: int) -> None:
        self.port, self.plain_port = free_port(), free_port()
        self.log = folder / "access.log"
        site = (ROOT / "deploy/nginx.conf").read_text()
        for pattern, own in (
            (r"listen 80;", f"listen 127.0.0.1:{self.plain_port};"),
            (r"listen 443 ssl", f"listen 127.0.0.1:{self.port} ssl"),
            (r"/etc/letsencrypt/live/desk\.example\.com", str(certificate)),
            (r"/var/log/nginx/access\.log", str(self.log)),
            (r"127\.0\.0\.1:8765", f"127.0.0.1:{desk_port}"),
        ):
            site, count = re.subn(pattern, own, site)
            assert count, pattern
        (folder / "site.conf").write_text(site)
        temporary = "".join(
            f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (folder / "nginx.conf").write_text(
            f"daemon off; pid {folder}/pid; error_log stderr; worker_processes 1; events {{}}\n"
            f"http {{ {temporary} include {folder}/site.conf; }}\n"
        )
        self._process = subprocess.Popen(
            ["nginx", "-p", folder, "-c", folder / "nginx.conf"], stderr=subprocess.PIPE, text=True
        )
        eventually(self._answers)

    def _answers(self) -> bool:
        assert self._process.poll() is None, self._process.stderr.read()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)
        self._process.stderr.close()

    def secure(self, certificate: Path) -> ssl.SSLSocket:
        """Return a connection whose certificate was checked against the name."""
        context = ssl.create_default_context(cafile=certificate / "fullchain.pem")
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        return context.wrap_socket(plain, server_hostname=NAME)

    def get(self, certificate: Path, path: str, *headers: str) -> str:
        """Return the head of the answer."""
        with self.secure(certificate) as connection:
            lines = [f"GET {path} HTTP/1.1", f"Host: {NAME}", "Connection: close", *headers, "", ""]
            connection.sendall("\r\n".join(lines).encode())
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        return answer.decode(errors="replace").partition("\r\n\r\n")[0]


@pytest.fixture
def proxy(tmp_path, certificate, desk):
    folder = tmp_path / "nginx"
    folder.mkdir(mode=0o777)
    made = Proxy(folder, certificate, desk.port)
    yield made
    made.stop()


def test_pages_and_sessions_come_through_with_a_token_only(proxy, certificate):
    bearer = f"Authorization: Bearer {TOKEN}"
    assert proxy.get(certificate, "/readyz").startswith("HTTP/1.1 200")
    assert proxy.get(certificate, "/").startswith("HTTP/1.1 401")
    login = proxy.get(certificate, f"/?token={TOKEN}")
    assert login.startswith("HTTP/1.1 303") or login.startswith("HTTP/1.1 302")
    assert "Secure" in re.search(r"(?i)set-cookie: (.*)", login)[1]
    assert proxy.get(certificate, "/metrics", bearer).startswith("HTTP/1.1 403")
    eventually(lambda: proxy.log.read_text().count("\n") >= 4)
    assert TOKEN not in proxy.log.read_text()


@pytest.mark.parametrize(("origin", "opened"), [(f"https://{NAME}", True), ("https://elsewhere.example.com", False)])
def test_a_session_of_the_own_page_is_let_through(proxy, certificate, peers, origin, opened):
    options = {
        "socket": proxy.secure(certificate),
        "header": [f"Authorization: Bearer {TOKEN}"],
        "origin": origin,
        "timeout": 30,
    }
    if not opened:
        with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
            websocket.create_connection(f"wss://{NAME}/ws", **options)
        options["socket"].close()
        return
    session = websocket.create_connection(f"wss://{NAME}/ws", **options)
    try:
        eventually(lambda: [told.role for told in peers.to("hub", ClientArrived)] == ["operator"])
    finally:
        session.close(timeout=1)
        session.shutdown()


def test_plain_http_is_sent_to_tls(proxy):
    with socket.create_connection(("127.0.0.1", proxy.plain_port), timeout=30) as connection:
        connection.sendall(f"GET /a?token=x HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    assert answer.startswith("HTTP/1.1 301")
    assert f"Location: https://{NAME}/a?token=x" in answer
