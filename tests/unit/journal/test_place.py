"""A journal whose files are no longer where they were: it is noticed, and a segment that begins is none of that."""

import shutil
from pathlib import Path

import pytest

from breadboard.journal import Place, Writer
from breadboard.journal.segments import listing, segment_path
from journals import fill


@pytest.mark.parametrize("what", ["removed", "moved", "replaced", "HEAD", "segment", "another segment"])
def test_a_writer_whose_files_are_gone_says_which(tmp_path: Path, what: str) -> None:
    directory = tmp_path / "data" / "journal"
    writer = Writer.open(directory)
    fill(writer, 50)
    assert writer.astray() is None
    segment, head = segment_path(directory, 0), directory / "HEAD"
    match what:
        case "removed":
            shutil.rmtree(directory.parent)
        case "moved":
            directory.parent.rename(tmp_path / "elsewhere")
        case "replaced":
            shutil.copytree(directory, tmp_path / "copy")
            shutil.rmtree(directory)
            (tmp_path / "copy").rename(directory)
        case "HEAD":
            head.unlink()
        case "segment":
            segment.unlink()
        case "another segment":
            (tmp_path / "copy").write_bytes(segment.read_bytes())
            (tmp_path / "copy").rename(segment)
    assert writer.astray() == (segment if "segment" in what else head)
    writer.close()


def test_segments_that_follow_each_other_are_where_they_belong(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path, segment_bytes=2_000)
    for _ in range(10):
        fill(writer, 20)
        assert writer.astray() is None
    assert len(listing(tmp_path)) > 3
    writer.close()


def test_a_directory_that_is_made_anew_is_another_one(tmp_path: Path) -> None:
    directory = tmp_path / "journal"
    directory.mkdir()
    place = Place(directory)
    assert place.astray() is None
    directory.rmdir()
    assert place.astray() == directory
    directory.mkdir()
    assert place.astray() == directory
    place.close()
