"""A connection that reads ahead gives the very messages the library would give."""

import struct

import pytest
import websocket

from adapters.reading_ahead import ReadingAhead

TEXT, PING, CLOSE = websocket.ABNF.OPCODE_TEXT, websocket.ABNF.OPCODE_PING, websocket.ABNF.OPCODE_CLOSE


def frame(data, *, opcode=TEXT, fin=True, masked=False):
    size = len(data)
    first = (0x80 if fin else 0) | opcode
    if size < 126:
        header = struct.pack("!BB", first, size | (0x80 if masked else 0))
    elif size < 65_536:
        header = struct.pack("!BBH", first, 126, size)
    else:
        header = struct.pack("!BBQ", first, 127, size)
    if masked:
        mask = b"\x01\x02\x03\x04"
        return header + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
    return header + data


MESSAGES = [b"{}", b"", b"x" * 125, b"y" * 126, b"z" * 1400, b"w" * 70_000, b"end"]
SENT = b"".join(
    [
        frame(MESSAGES[0]),
        frame(b"alive?", opcode=PING),
        frame(MESSAGES[1]),
        frame(MESSAGES[2], masked=True),
        frame(MESSAGES[3]),
        frame(MESSAGES[4][:700], fin=False),
        frame(b"between", opcode=PING),
        frame(MESSAGES[4][700:], opcode=websocket.ABNF.OPCODE_CONT),
        frame(MESSAGES[5]),
        frame(MESSAGES[6]),
        frame(struct.pack("!H", 1000), opcode=CLOSE),
    ]
)


class Wire:
    """A socket from which SENT comes in parts of `size` bytes, with a time-out before each of them if `halting`."""

    def __init__(self, size, *, halting=False):
        self.rest, self.size, self.halting, self.halted = SENT, size, halting, False
        self.sent = b""

    def recv(self, most):
        if self.halting and not self.halted:
            self.halted = True
            raise TimeoutError
        self.halted = False
        part, self.rest = self.rest[: min(most, self.size)], self.rest[min(most, self.size) :]
        return part

    def send(self, data):
        self.sent += data
        return len(data)

    def gettimeout(self):
        return 1.0

    def close(self):
        pass


def received(wire):
    connection = ReadingAhead(enable_multithread=False, skip_utf8_validation=True)
    connection.sock, connection.connected = wire, True
    got = []
    while True:
        try:
            opcode, data = connection.recv_data(control_frame=True)
        except websocket.WebSocketTimeoutException:
            continue
        if opcode == CLOSE:
            return got, wire.sent
        if opcode == TEXT:
            got.append(bytes(data))


@pytest.mark.parametrize("halting", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 127, 1400, 4096, 1_000_000])
def test_however_the_bytes_come_the_messages_are_the_same_and_pings_are_answered(size, halting):
    if size < 5 and halting:
        size = 1000
    got, sent = received(Wire(size, halting=halting))
    assert got == MESSAGES
    assert sent.count(b"\x8a") >= 2  # two pongs


def test_the_end_of_the_connection_is_told():
    wire = Wire(1_000_000)
    wire.rest = frame(b"last")
    connection = ReadingAhead(enable_multithread=False)
    connection.sock = wire
    assert connection.recv_data() == (TEXT, b"last")
    with pytest.raises(websocket.WebSocketConnectionClosedException):
        connection.recv_data()
