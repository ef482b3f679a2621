"""Frames of lines: whatever was flushed can be read, whatever was changed is named."""

import os
import random
from pathlib import Path

import pytest

from adapters import recorder_files
from adapters.recorder_files import FrameReader, FrameWriter, RecordingDamaged, part_path, parts_of, recordings

LINES = [b'["m",%d,"%s"]\n' % (number, os.urandom(8).hex().encode()) for number in range(400)]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of several frames."""
    monkeypatch.setattr(recorder_files, "FRAME_BYTES", 2000)
    writer = FrameWriter(tmp_path / "a.jsonl.zst")
    for line in LINES:
        writer.write(line)
    writer.close()
    assert writer.bytes == (tmp_path / "a.jsonl.zst").stat().st_size
    return tmp_path / "a.jsonl.zst"


def read(path: Path) -> tuple[list[bytes], bool]:
    reader = FrameReader(path)
    return [line + b"\n" for line in reader.lines()], reader.torn


def test_what_was_written_is_read(file: Path) -> None:
    assert read(file) == (LINES, False)


def test_what_was_flushed_is_read_while_the_file_is_open(tmp_path: Path) -> None:
    writer = FrameWriter(tmp_path / "a.jsonl.zst")
    for number, line in enumerate(LINES, 1):
        writer.write(line)
        if number % 100 == 0:
            assert read(writer.path) == (LINES[:number], True)
    writer.close()


@pytest.mark.parametrize("share", [0.1, 0.35, 0.5, 0.77, 0.999])
def test_of_a_file_that_was_cut_off_all_whole_lines_are_read(file: Path, share: float) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * share)])
    lines, torn = read(file)
    assert torn
    assert lines == LINES[: len(lines)]
    assert len(lines) >= len(LINES) * (share - 0.1)


def test_a_changed_byte_is_never_read_over(file: Path) -> None:
    data, chance = file.read_bytes(), random.Random(5)
    for _ in range(150):
        changed = bytearray(data)
        changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        file.write_bytes(changed)
        try:
            lines, torn = read(file)
        except RecordingDamaged as error:
            assert "a.jsonl.zst: the block at byte" in str(error)
        else:
            assert torn and lines == LINES[: len(lines)]  # as if it were cut off there


def test_the_parts_of_a_recording_are_found_in_order(tmp_path: Path) -> None:
    paths = [part_path(tmp_path, "20260101T000000000Z", part) for part in (1, 2, 10)]
    for path in (*paths, part_path(tmp_path, "20260102T000000000Z", 1)):
        FrameWriter(path).close()
    assert parts_of(paths[0]) == paths
    assert recordings(tmp_path) == [paths[0], part_path(tmp_path, "20260102T000000000Z", 1)]


def test_lines_that_do_not_add_up_are_named(tmp_path: Path) -> None:
    writer = FrameWriter(tmp_path / "a.jsonl.zst")
    writer.write(b'["m",1]\n["c",5]\n')  # a whole frame, with another sum in it
    writer.close()
    with pytest.raises(RecordingDamaged, match="does not add up"):
        read(writer.path)
