"""A WebSocket client connection that takes what has arrived in one read, and whole text frames without ceremony.

websocket-client reads each frame in three system calls and takes a score of small steps with it. At thousands of frames
a second that costs more than decoding them.
"""

import websocket

AT_ONCE = 128 * 1024  # bytes of one read at most
TEXT = websocket.ABNF.OPCODE_TEXT
WHOLE_TEXT = 0x80 | TEXT  # the first byte of a frame that is a whole message of text
TWO_BYTES_OF_LENGTH = 126


class ReadingAhead(websocket.WebSocket):
    """Everything but a whole, unmasked text frame that lies ready is left to the library."""

    _ahead = b""  # read and not taken yet, from `_at` on
    _at = 0

    def recv_data(self, control_frame: bool = False) -> tuple[int, bytes]:
        """Return opcode and data of the next message, as the library's method does."""
        if self._between_messages():
            if self._at == len(self._ahead):
                self._read()
            text = self._whole_text()
            if text is not None:
                return TEXT, text
        opcode, data = super().recv_data(control_frame)
        return opcode, data

    def _between_messages(self) -> bool:
        """Return whether the library has begun nothing: no frame in part (a time-out cut it), no message of many."""
        frames = self.frame_buffer
        return frames.header is None and not frames.recv_buffer and not self.cont_frame.recving_frames

    def _whole_text(self) -> bytes | None:
        ahead, at = self._ahead, self._at
        if len(ahead) - at < 4 or ahead[at] != WHOLE_TEXT:
            return None
        size, start = ahead[at + 1], at + 2
        if size == TWO_BYTES_OF_LENGTH:
            size, start = ahead[at + 2] << 8 | ahead[at + 3], at + 4
        elif size > TWO_BYTES_OF_LENGTH:  # longer still, or masked
            return None
        end = start + size
        if end > len(ahead):
            return None
        self._at = end
        return ahead[start:end]

    def _read(self) -> None:
        self._ahead, self._at = super()._recv(AT_ONCE), 0  # type: ignore[no-untyped-call]  # not annotated there

    def _recv(self, bufsize: int) -> bytes:
        """Where the library reads: at most `bufsize` bytes, at least one."""
        if self._at == len(self._ahead):
            self._read()
        part = self._ahead[self._at : self._at + bufsize]
        self._at += len(part)
        return part
