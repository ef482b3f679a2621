"""One session's outbox on a scripted socket: what is written when the kernel takes little or nothing."""

import os
from types import SimpleNamespace

import gevent
import pytest

from tests.web.raw import closed
from web import session as session_module
from web import wire
from web.notices import SessionNotices
from web.safe_ws import SafeWebSocket
from web.session import Backlog, Session


class Socket:
    """Takes as many bytes as `takes` says, one entry for each send; nothing when it is empty. Never writable."""

    def __init__(self):
        self.takes, self.written, self.ends = [], b"", []
        self._read_end, self._write_end = os.pipe()
        os.set_blocking(self._write_end, False)
        try:
            while True:
                os.write(self._write_end, b"x" * 65536)
        except BlockingIOError:
            pass

    def send(self, data):
        room = self.takes.pop(0) if self.takes else 0
        if not room:
            raise BlockingIOError
        self.written += bytes(data[:room])
        return min(room, len(data))

    def fileno(self):
        return self._write_end

    def shutdown(self, how):
        self.ends.append(how)

    def setsockopt(self, *args):
        pass

    def close(self):
        os.close(self._read_end)
        os.close(self._write_end)


@pytest.fixture
def sockets(monkeypatch):
    monkeypatch.setattr(session_module, "STALL_SECONDS", 0.01)
    monkeypatch.setattr(session_module, "LINGER_SECONDS", 0.01)
    made = []

    def make():
        made.append(Socket())
        return made[-1]

    yield make
    gevent.sleep(0.05)  # what was to be cut is cut
    for each in made:
        each.close()


def open_session(sock, name="s1", **more):
    stream = SimpleNamespace(write=None, read=None)
    handler = SimpleNamespace(socket=sock, server=None)
    ws = SafeWebSocket.__new__(SafeWebSocket)
    ws.handler, ws.stream, ws.closed = handler, stream, False
    return Session(ws, name=name, role="operator", address="", messages_per_second=20, **more)


def text(size):
    return wire.frame(wire.TEXT, b"x" * size)


def frames(data):
    """Return the frames in `data` as (opcode, payload), a close frame's cut to its code; they must be whole."""
    found, start = [], 0
    while start < len(data):
        end = wire.frame_end(data, start)
        assert end <= len(data), "half a frame"
        payload = data[end - 2 : end] if data[start] == 0x88 else data[start:end]
        found.append((8, data[start + 2 : start + 4]) if data[start] == 0x88 else (data[start] & 15, payload))
        start = end
    return found


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
def test_the_end_of_a_frame_is_found(size):
    frame = wire.frame(wire.TEXT, b"x" * size)
    assert wire.frame_end(b"ab" + frame + b"more", 2) == 2 + len(frame)


@pytest.mark.parametrize("taken", [len(text(10)), len(text(10)) + 5, 3], ids=["between", "inside", "in the first"])
def test_a_stalled_session_is_told_1013_behind_what_is_half_sent(sockets, taken):
    sock = sockets()
    session = open_session(sock)
    sock.takes = [taken]
    session.send(text(10) + text(200) + text(10))
    session.push(text(50))
    sock.takes = [0, 10_000]  # nothing for too long; then, though not writable, there is room for a little
    gevent.sleep(0.05)
    assert frames(sock.written)[-1] == closed(1013)
    assert session.too_slow
    assert sock.ends


def test_a_stalled_session_without_any_room_is_cut(sockets):
    sock = sockets()
    session = open_session(sock)
    session.send(text(10))
    gevent.sleep(0.05)
    assert sock.written == b""
    assert sock.ends


def test_a_pong_goes_behind_the_frame_that_is_half_sent(sockets):
    sock = sockets()
    session = open_session(sock)
    sock.takes = [5]
    session.send(text(10))
    pong = wire.frame(wire.PONG, b"x")
    session.ws.writer(pong)
    sock.takes = [3, 10_000, 10_000]
    gevent.sleep(0)
    assert sock.written == text(10) + pong


def test_a_kick_sends_the_rest_of_the_frame_and_no_more(sockets):
    sock = sockets()
    session = open_session(sock)
    sock.takes = [5]
    session.send(text(10) + text(20))
    session.push(text(30))
    session.kick(1012, "")
    sock.takes = [10_000, 10_000]
    gevent.sleep(0)
    assert [opcode for opcode, _ in frames(sock.written)] == [1, 8]


def test_what_waits_for_the_first_frame_is_bounded(sockets, monkeypatch):
    monkeypatch.setattr(session_module, "MAX_QUEUED_FRAMES", 3)
    sock = sockets()
    session = open_session(sock)
    sock.takes = [1000]
    for _ in range(4):
        session.hold(text(10))
    assert frames(sock.written) == [closed(1013)]
    session.hold(text(10))  # too late, and harmless
    assert session.too_slow


def test_what_waits_for_the_first_frame_is_bounded_in_bytes(sockets, monkeypatch):
    monkeypatch.setattr(session_module, "MAX_QUEUED_BYTES", 100)
    sock = sockets()
    session = open_session(sock)
    sock.takes = [1000]
    session.hold(text(98))
    assert sock.written == b""
    session.hold(text(0))
    assert session.too_slow


def test_what_was_held_follows_the_first_frame(sockets):
    sock = sockets()
    backlog = Backlog()
    session = open_session(sock, backlog=backlog)
    session.hold(text(10))
    assert backlog.bytes == len(text(10))
    sock.takes = [1000]
    session.begin(text(20))
    assert sock.written == text(20) + text(10)
    assert backlog.bytes == 0


def test_the_session_that_holds_most_goes_when_all_together_hold_too_much(sockets):
    backlog = Backlog(limit=900)
    small, large = (open_session(sockets(), name=name, backlog=backlog) for name in ("small", "large"))
    small.send(text(100))
    large.send(text(300))
    large.push(text(300), "price", conflate=True)
    large.push(text(200), "price", conflate=True)  # the newest replaces: 300 fewer
    small.push(text(200))
    assert backlog.bytes == sum(map(len, map(text, (100, 300, 200, 200))))
    small.push(text(150))
    assert (small.too_slow, large.too_slow) == (False, True)
    assert backlog.bytes <= 900


def test_a_session_that_is_cut_no_longer_counts(sockets):
    backlog = Backlog()
    session = open_session(sockets(), backlog=backlog)
    session.send(text(100))
    session.push(text(100), "price", conflate=True)
    session.cut()
    assert backlog.bytes == 0


def test_what_is_read_after_all_no_longer_counts(sockets):
    backlog, sock = Backlog(), sockets()
    session = open_session(sock, backlog=backlog)
    sock.takes = [7, 100, 1000]
    session.send(text(1000))
    session.push(text(10), "price", conflate=True)
    sock.takes += [1000] * 3
    gevent.sleep(0)
    gevent.sleep(0)
    assert backlog.bytes == 0
    assert not session.slow


def test_all_sessions_of_a_server_share_one_backlog(serve, connect, peers):
    from tests.web.test_server import arrive

    server = serve()
    for _ in range(2):
        arrive(server, connect(server.port), peers)
    assert isinstance(server.notices, SessionNotices)
    assert {id(session._backlog) for session in server.notices.sessions.values()} == {id(server.notices.backlog)}
