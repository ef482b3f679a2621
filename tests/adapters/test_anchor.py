import pytest

from adapters.anchor import Anchor, AnchorFile
from domain.ports import Head

A, B = "a" * 64, "b" * 64


@pytest.fixture
def anchors(tmp_path) -> AnchorFile:
    return AnchorFile(data_dir=tmp_path, database="desk")


def test_no_file_means_no_anchor(anchors):
    assert anchors.last() is None
    assert list(anchors.lines()) == []


def test_lines_name_database_time_seq_and_hash(anchors):
    anchors.append(Head(seq=7, hash=A), ts_ms=1_767_225_600_000)
    assert anchors.path.name == "anchor-desk.log"
    assert anchors.path.read_text() == f"desk 1767225600000 7 {A}\n"
    assert anchors.last() == Anchor(database="desk", ts_ms=1_767_225_600_000, seq=7, hash=A)


def test_the_newest_line_is_the_last(anchors):
    for seq in range(1, 200):
        anchors.append(Head(seq=seq, hash=A), ts_ms=seq)
    assert anchors.last().seq == 199
    assert [anchor.seq for anchor in anchors.lines()] == list(range(1, 200))


def test_the_same_head_is_written_once(anchors):
    anchors.append(Head(seq=7, hash=A), ts_ms=1)
    anchors.append(Head(seq=7, hash=A), ts_ms=2)
    assert len(list(anchors.lines())) == 1


def test_a_line_that_a_crash_cut_off_is_passed_over_and_not_joined(anchors):
    anchors.append(Head(seq=7, hash=A), ts_ms=1)
    with anchors.path.open("a") as file:
        file.write(f"desk 2 8 {A[:20]}")
    assert anchors.last().seq == 7
    AnchorFile(data_dir=anchors.path.parent, database="desk").append(Head(seq=9, hash=B), ts_ms=3)
    assert [anchor.seq for anchor in anchors.lines()] == [7, 9]


@pytest.mark.parametrize("line", [f"other 1 9 {B}", f"desk x 9 {B}", f"desk 1 nine {B}", "desk 1 9 short", "\xff" * 9])
def test_foreign_and_damaged_lines_are_passed_over(anchors, line):
    anchors.append(Head(seq=7, hash=A), ts_ms=1)
    with anchors.path.open("a", encoding="latin-1") as file:
        file.write(line + "\n")
    assert anchors.last().seq == 7
    assert [anchor.seq for anchor in anchors.lines()] == [7]
