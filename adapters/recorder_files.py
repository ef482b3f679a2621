"""The files of a recording: `<start>.jsonl.zst` and `<start>.002.jsonl.zst` onward. Lines of JSON in zstd frames.

A frame carries a checksum and ends after FRAME_BYTES; within it each flush ends a block and a line of its own,
["c", CRC-32 of the lines since the last], so that what was flushed can be read, and trusted, whatever happens to the
process. A frame without an end is the torn tail of a process that was killed.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import zstandard

SUFFIX = ".jsonl.zst"
LEVEL = 3
FRAME_BYTES = 1 << 20  # of lines
READ_BYTES = 1 << 20
CHECK = b'["c",'


class RecordingDamaged(ValueError):
    """A file is not what was written: named by its path and the byte where the damaged frame begins."""


def part_path(folder: Path, start: str, part: int) -> Path:
    """Return the file of a part, numbered from 1."""
    return folder / (f"{start}{SUFFIX}" if part == 1 else f"{start}.{part:03}{SUFFIX}")


def start_of(path: Path) -> str:
    """Return the start that a part's name begins with."""
    return path.name.removesuffix(SUFFIX).split(".")[0]


def parts_of(path: Path) -> list[Path]:
    """Return all parts of the recording that `path` is the first part of, in order."""
    start = start_of(path)
    later = sorted(each for each in path.parent.glob(f"{start}.*{SUFFIX}") if start_of(each) == start)
    return [path, *(each for each in later if each != path)]


def recordings(folder: Path) -> list[Path]:
    """Return the first parts of all recordings in `folder`, oldest first."""
    found = (path for path in folder.glob(f"*{SUFFIX}") if path.name == f"{start_of(path)}{SUFFIX}")
    return sorted(found)


class FrameWriter:
    """Appends to one new file. Every method may raise OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bytes = 0  # written
        self._file: BinaryIO = path.open("xb", buffering=0)
        self._frame: zstandard.ZstdCompressionObj | None = None
        self._in_frame = 0

    def write(self, lines: bytes) -> None:
        """Append and flush to the operating system: a killed process loses none of it."""
        if self._frame is None:
            self._frame = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compressobj()
        checked = lines + CHECK + b"%d]\n" % zlib.crc32(lines)
        self._put(self._frame.compress(checked) + self._frame.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))
        self._in_frame += len(lines)
        if self._in_frame >= FRAME_BYTES:
            self.end_frame()

    def end_frame(self) -> None:
        """Write the frame's end and checksum."""
        if self._frame is not None:
            frame, self._frame, self._in_frame = self._frame, None, 0
            self._put(frame.flush(zstandard.COMPRESSOBJ_FLUSH_FINISH))

    def close(self) -> None:
        """End the frame and the file."""
        try:
            self.end_frame()
        finally:
            self._file.close()

    def abandon(self) -> None:
        """Close the file as it is: what was flushed stays."""
        self._file.close()

    def _put(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = self._file.write(view)
            view = view[written:]
            self.bytes += written


@dataclass(slots=True)
class FrameReader:
    """Reads the lines of one file."""

    path: Path
    torn: bool = False  # something was cut off at its end; known once all is read
    frame: int = 0  # the byte where the one read now begins

    def lines(self) -> Iterator[bytes]:
        """Yield the lines, frame by frame, each frame and flush after its checksum was found right.

        Raises:
            RecordingDamaged: a frame is not what was written.
        """
        rest = b""
        flushed: list[bytes] = []
        for text in self._frames():
            *whole, rest = (rest + text).split(b"\n")
            for line in whole:
                if not line.startswith(CHECK):
                    flushed.append(line)
                    continue
                if CHECK + b"%d]" % zlib.crc32(b"".join(each + b"\n" for each in flushed)) != line:
                    raise RecordingDamaged(f"{self.path.name}: the block at byte {self.frame} does not add up")
                yield from flushed
                flushed.clear()
        self.torn = self.torn or bool(rest or flushed)

    def _frames(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            begins, data = 0, b""
            while data or (data := file.read(READ_BYTES)):
                self.frame = begins
                frame, texts, taken = zstandard.ZstdDecompressor().decompressobj(), [], 0
                while data:
                    texts.append(self._decompressed(frame, data, begins))
                    taken += len(data) - len(frame.unused_data)
                    data = frame.unused_data or (b"" if frame.eof else file.read(READ_BYTES))
                    if frame.eof:
                        break
                self.torn = not frame.eof
                if self.torn and (after := _frame_after(self.path, begins)):
                    raise RecordingDamaged(
                        f"{self.path.name}: the block at byte {begins} has no end, yet another follows at byte {after}"
                    )
                begins += taken
                yield b"".join(texts)

    def _decompressed(self, frame: "zstandard.ZstdDecompressionObj", data: bytes, begins: int) -> bytes:
        try:
            return frame.decompress(data)
        except zstandard.ZstdError as error:
            raise RecordingDamaged(f"{self.path.name}: the block at byte {begins} is damaged ({error})") from None


def _frame_after(path: Path, begins: int) -> int:
    """Return where a whole frame of lines begins after that byte; 0 when there is none."""
    data = path.read_bytes()
    at = begins
    while (at := data.find(zstandard.FRAME_HEADER, at + 1)) > 0:
        try:
            if zstandard.ZstdDecompressor().decompressobj().decompress(data[at : at + READ_BYTES]).startswith(b"["):
                return at
        except zstandard.ZstdError:
            continue
    return 0
