"""What lies in a folder: FCS files, files that cannot be used, and others."""

import os

import pytest

from phenotype.survey.folder import read_folder, same_guid


def test_fcs_files_are_found_at_any_depth_whatever_their_ending_is_written(tmp_path, put):
    """Beckman Coulter writes .LMD; Windows does not care for case."""
    for name in ("a.fcs", "day 1/b.FCS", "day 1/deep/c.LMD"):
        put(tmp_path / name)

    found = read_folder(tmp_path)

    assert [tube.file for tube in found.tubes] == ["a.fcs", "day 1/b.FCS", "day 1/deep/c.LMD"]
    assert found.tubes[2].folders == ("deep", "day 1")


def test_other_files_are_counted_by_kind(tmp_path, put):
    """A picture of a gate, what macOS and Windows leave behind, and a folder of another program."""
    put(tmp_path / "a.fcs")
    for name in ("x.fcs.jpg", "._x.fcs", "Thumbs.db", "README"):
        (tmp_path / name).write_bytes(b"x")
    put(tmp_path / ".snapshots" / "old.fcs")

    found = read_folder(tmp_path)

    assert [tube.file for tube in found.tubes] == ["a.fcs"]
    assert found.ignored == {".jpg": 1, "hidden files": 1, ".db": 1, "no ending": 1, "hidden or linked folders": 1}


def test_files_of_cellquest_are_told_though_not_read(tmp_path, put):
    """A folder of Data.001, Data.002 would else seem to hold nothing."""
    put(tmp_path / "x.fcs").rename(tmp_path / "Data.001")
    os.mkfifo(tmp_path / "pipe.001")

    found = read_folder(tmp_path)

    assert found.tubes == ()
    assert found.ignored == {".001 that begin as FCS files: add .fcs to their names": 1, ".001": 1}


def test_unreadable_files_are_listed_with_the_reason(tmp_path, put):
    """One bad file does not hide the good ones; a pipe does not hang."""
    put(tmp_path / "good.fcs")
    (tmp_path / "empty.fcs").write_bytes(b"")
    (tmp_path / "photo.fcs").write_bytes(b"\xff\xd8\xff\xe0 JFIF")
    os.mkfifo(tmp_path / "pipe.fcs")

    found = read_folder(tmp_path)

    assert len(found.tubes) == 1
    assert found.unreadable == (
        "empty.fcs: empty file (0 bytes); export it again.",
        "photo.fcs: not FCS (starts with b'\\xff\\xd8\\xff\\xe0 J', a JPEG picture); an FCS file starts with b'FCS'.",
        "pipe.fcs: is a pipe or a device, not a file.",
    )


def test_a_link_to_a_folder_above_is_no_endless_way(tmp_path, put):
    """Shares link to themselves."""
    put(tmp_path / "in" / "a.fcs")
    (tmp_path / "in" / "loop").symlink_to(tmp_path)

    found = read_folder(tmp_path)

    assert [tube.file for tube in found.tubes] == ["in/a.fcs"]
    assert found.ignored == {"hidden or linked folders": 1}


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("a\\b.fcs", "a backslash, or a colon"),
        ("C:x.fcs", "a backslash, or a colon"),
        ("a\rb.fcs", "a carriage return"),
    ],
)
def test_names_that_a_sheet_would_read_otherwise_are_listed(tmp_path, put, name, fault):
    """The sheet reads a backslash as Windows does, and takes a carriage return for the end of a row."""
    put(tmp_path / "x.fcs").rename(tmp_path / name)

    found = read_folder(tmp_path)

    assert found.tubes == ()
    assert found.unreadable[0].startswith(f"{name}: its name has {fault}")


def test_a_name_that_is_no_text_is_listed(tmp_path, put):
    """A sheet in UTF-8 cannot name it."""
    os.rename(os.fsencode(put(tmp_path / "x.fcs")), os.fsencode(tmp_path) + b"/\xfc.fcs")  # noqa: PTH104

    found = read_folder(tmp_path)

    assert found.unreadable[0].endswith("its name is no UTF-8 text; rename it")


def test_the_same_bytes_under_two_names_are_said(tmp_path, put):
    """Two patients must not share a tube because of a copy; equal keywords alone are no proof."""
    first = put(tmp_path / "P01.fcs")
    (tmp_path / "P02.fcs").write_bytes(first.read_bytes())
    put(tmp_path / "P03.fcs", event=2.0)

    found = read_folder(tmp_path)

    assert {tube.file: tube.twin for tube in found.tubes} == {"P01.fcs": "", "P02.fcs": "P01.fcs", "P03.fcs": ""}


def test_two_exports_of_one_tube_share_a_guid(tmp_path, put):
    """As when a subset of the events is exported from FlowJo."""
    put(tmp_path / "a.fcs", GUID="1-2")
    put(tmp_path / "b.fcs", GUID="1-2", event=2.0)
    put(tmp_path / "c.fcs", GUID="3-4")

    assert same_guid(read_folder(tmp_path).tubes) == {"a.fcs": ("a.fcs", "b.fcs"), "b.fcs": ("a.fcs", "b.fcs")}


def test_each_dataset_of_a_file_is_a_tube(tmp_path, put):
    """Guava writes a run into one file, tubes one behind the other."""
    first = put(tmp_path / "run.fcs", **{"$COM": "-" * 20, "TUBE NAME": "P01"}).read_bytes()
    second = put(tmp_path / "other.fcs", **{"TUBE NAME": "P02"}).read_bytes()
    (tmp_path / "other.fcs").unlink()
    (tmp_path / "run.fcs").write_bytes(followed_by(first, second))

    found = read_folder(tmp_path)

    assert [(t.file, t.dataset, t.keywords["TUBE NAME"]) for t in found.tubes] == [
        ("run.fcs", "1", "P01"),
        ("run.fcs", "2", "P02"),
    ]


def followed_by(first: bytes, second: bytes) -> bytes:
    """Put one file behind another, and say so in $NEXTDATA; a comment shrinks by as much as the number grows."""
    size = str(len(first)).encode()
    at = first.index(b"$NEXTDATA") + len("$NEXTDATA") + 1
    longer = first[:at] + size + first[at + 1 :]
    return longer.replace(b"-" * 20, b"-" * (21 - len(size)), 1) + second
