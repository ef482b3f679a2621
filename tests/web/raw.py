"""A WebSocket client on a raw socket: it can send what a good client never would, and hides nothing it gets."""

import json
import socket
import struct

KEY = "MDEyMzQ1Njc4OWFiY2RlZg=="
MASK = b"\x01\x02\x03\x04"


def frame(opcode, payload, *, masked=True, length=None, fin=True, flags=0):
    size = len(payload) if length is None else length
    head = bytes([(0x80 if fin else 0) | flags | opcode])
    mark = 0x80 if masked else 0
    if size < 126:
        head += bytes([mark | size])
    elif size < 65536:
        head += struct.pack("!BH", mark | 126, size)
    else:
        head += struct.pack("!BQ", mark | 127, size)
    return head + (MASK + bytes(b ^ MASK[i % 4] for i, b in enumerate(payload)) if masked else payload)


def text(message):
    return frame(1, (message if isinstance(message, str) else json.dumps(message)).encode())


def closed(code):
    """Return a close frame without its reason."""
    return 8, struct.pack("!H", code)


class RawClient:
    def __init__(self, port, host="127.0.0.1", timeout=5):
        self.port = port
        self.socket = socket.create_connection((host, port), timeout=timeout)
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(data)
        return self

    def request(self, method="GET", path="/", version="HTTP/1.1", **headers):
        """Send a request head; a header given as None is left out, `_` in a name stands for `-`."""
        given = {"Host": f"127.0.0.1:{self.port}"} | {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"{method} {path} {version}", *(f"{k}: {v}" for k, v in given.items() if v is not None), "", ""]
        return self.send("\r\n".join(lines).encode("latin-1"))

    def upgrade(self, path="/ws", **headers):
        base = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec_WebSocket_Key": KEY,
            "Sec_WebSocket_Version": "13",
        }
        return self.request("GET", path, **(base | headers))

    def more(self):
        """Read once more; False at the end of the stream."""
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            return False
        self.buffer += data
        return bool(data)

    def head(self):
        """Return (status, headers) of the answer."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.more():
                return 0, {}
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:])
        return int(lines[0].split()[1]), headers

    def status(self):
        return self.head()[0]

    def rest(self):
        """Return everything until the end of the stream."""
        while self.more():
            pass
        return self.buffer

    def frame(self):
        """Return the next frame as (opcode, payload); None at the end of the stream. It must be whole and unmasked."""
        while (parsed := self._parse()) is None:
            if not self.more():
                assert self.buffer == b"", f"half a frame at the end: {self.buffer[:20]!r}"
                return None
        return parsed

    def _parse(self):
        data = self.buffer
        if len(data) < 2:
            return None
        size, start = data[1], 2
        assert data[0] & 0x70 == 0 and size < 128
        if size == 126:
            if len(data) < 4:
                return None
            size, start = struct.unpack("!H", data[2:4])[0], 4
        elif size == 127:
            if len(data) < 10:
                return None
            size, start = struct.unpack("!Q", data[2:10])[0], 10
        if len(data) < start + size:
            return None
        self.buffer = data[start + size :]
        return data[0] & 0x0F, data[start : start + size]

    def frames(self):
        """Return all frames until the end of the stream; of a close frame only the code."""
        found = []
        while (got := self.frame()) is not None:
            found.append((8, got[1][:2]) if got[0] == 8 else got)
        return found

    def message(self, *kinds):
        """Return the next JSON message, of one of these types if given; pings are skipped."""
        while True:
            got = self.frame()
            assert got is not None, "the stream ended"
            if got[0] in (9, 10):
                continue
            assert got[0] == 1, f"a close frame came: {got[1]!r}"
            message = json.loads(got[1])
            if not kinds or message["type"] in kinds:
                return message

    def close(self):
        self.socket.close()
