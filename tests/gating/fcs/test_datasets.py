"""Several datasets in a file: never silently the first."""

import numpy as np
import pytest

from gating.errors import FCSError
from gating.fcs import Repair, read_fcs, read_fcs_metadata

from .conftest import fcs_bytes


def dataset(value: float, following: int = 0, **keywords: str) -> bytes:
    """Return a dataset of one event whose first value tells it apart."""
    events = np.array([[value, 2]], dtype="<f4").tobytes()
    return fcs_bytes({"$TOT": "1", "$NEXTDATA": f"{following:8d}", **keywords}, events)


def chained(*names: str) -> bytes:
    """Return datasets one behind the other, each with its name and its number as first value."""
    last = len(names)
    sizes = [len(dataset(n, 0, SAMPLEID=name)) for n, name in enumerate(names, start=1)]
    parts = enumerate(zip(names, sizes, strict=True), start=1)
    return b"".join(dataset(n, size if n < last else 0, SAMPLEID=name) for n, (name, size) in parts)


@pytest.fixture
def three(tmp_path):
    """Write a file of three tubes, as Guava writes them."""
    path = tmp_path / "run.fcs"
    path.write_bytes(chained("blank", "pt01", "pt02"))
    return path


def test_the_dataset_must_be_chosen(three):
    """Each reader that takes the first reports the blank as the patient."""
    for read in (read_fcs, read_fcs_metadata):
        with pytest.raises(FCSError, match=r"run\.fcs: holds 3 datasets \(1 'blank', 2 'pt01', 3 'pt02'\); say which"):
            read(three)


@pytest.mark.parametrize(("wanted", "value"), [(1, 1), (2, 2), (3, 3), ("3", 3), (" pt01 ", 2), ("pt02", 3)])
def test_it_is_chosen_by_number_or_name(three, wanted, value):
    """The sample sheet has one or the other."""
    sample = read_fcs(three, dataset=wanted)

    assert sample.events[0, 0] == value
    assert sample.warnings == ()
    assert read_fcs_metadata(three, dataset=wanted).dataset == value


@pytest.mark.parametrize("wanted", [0, 4, "PT01", "pt0", ""])
def test_a_dataset_that_is_not_there_is_refused(three, wanted):
    """With those that are."""
    with pytest.raises(FCSError, match=rf"run\.fcs: there is no dataset '?{wanted}'?; it holds 1 'blank', 2 'pt01'"):
        read_fcs(three, dataset=wanted)


def test_a_name_that_two_datasets_have_is_refused(tmp_path):
    """A number tells them apart."""
    path = tmp_path / "run.fcs"
    path.write_bytes(chained("pt01", "pt01"))

    with pytest.raises(FCSError, match=r"2 datasets are named 'pt01'; it holds 1 'pt01', 2 'pt01'\. Give the number"):
        read_fcs(path, dataset="pt01")
    assert read_fcs(path, dataset=2).events[0, 0] == 2


def test_a_file_with_one_dataset_may_name_it(make):
    """What is true of every row of a sheet may be said of each."""
    assert len(read_fcs(make(), dataset=1)) == 3


def test_keywords_of_one_do_not_leak_into_the_next(tmp_path):
    """Each has its own channels."""
    first = dataset(1, 10**6, EXTRA="of the first", **{"$P1S": "CD3"})
    first = first.replace(b" 1000000", b"%8d" % len(first))
    path = tmp_path / "run.fcs"
    path.write_bytes(first + dataset(2))

    assert "EXTRA" not in read_fcs(path, dataset=2).keywords
    assert read_fcs(path, dataset=2).channels[0].marker == ""


def test_an_offset_from_the_begin_of_the_file_is_recognised(tmp_path):
    """The standard counts from the begin of the dataset; some writers do not."""
    parts = [dataset(n, 99_999) for n in (1, 2)]
    parts[0] = parts[0].replace(b"   99999", b"%8d" % len(parts[0]))
    parts[1] = parts[1].replace(b"   99999", b"%8d" % (len(parts[0]) + len(parts[1])))
    path = tmp_path / "run.fcs"
    path.write_bytes(b"".join(parts) + dataset(3))

    sample = read_fcs(path, dataset=2)

    assert read_fcs(path, dataset=3).events[0, 0] == 3
    assert [(w.rule, str(w)) for w in sample.warnings] == [
        (
            "next-dataset",
            f"$NEXTDATA of dataset 2 is {len(parts[0]) + len(parts[1])}, counted from the begin of the file.",
        )
    ]


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(5, id="into its own header"),
        pytest.param(700, id="into its own bytes"),
        pytest.param(10**7, id="beyond the end of the file"),
        pytest.param(10**20, id="beyond the end of everything"),
    ],
)
def test_a_next_dataset_that_is_not_there_is_refused(tmp_path, step):
    """A loop would not end, and a file cut short would pass for a whole one."""
    path = tmp_path / "run.fcs"
    path.write_bytes(fcs_bytes({"$NEXTDATA": str(step)}) + b" " * 800)

    with pytest.raises(FCSError, match=rf"run\.fcs: \$NEXTDATA of dataset 1 is {step}, but at byte {step} no dataset"):
        read_fcs(path, dataset=1)


def test_text_that_reaches_into_the_next_dataset_is_refused(tmp_path):
    """Ten thousand datasets, each with a TEXT to the end of the file, would take hours to refuse."""
    path, second = tmp_path / "run.fcs", fcs_bytes(delimiter="|")
    keywords = {"$NEXTDATA": "00000000", "$BEGINSTEXT": "00000000", "$ENDSTEXT": "00000000"}

    primary = fcs_bytes(keywords, text=lambda text: text + b"BLOB/" + second + b"/")
    path.write_bytes(primary.replace(b"DATA/00000000", b"DATA/%08d" % primary.index(second)))
    with pytest.raises(FCSError, match=r"run\.fcs: TEXT is bytes 58-\d+, dataset 1 has \d+ bytes"):
        read_fcs_metadata(path)

    first = fcs_bytes(keywords, tail=b"/BLOB/")
    for keyword, offset in (
        (b"$NEXTDATA", len(first)),
        (b"$BEGINSTEXT", len(first) - 6),
        (b"$ENDSTEXT", len(first + second)),
    ):
        first = first.replace(keyword + b"/00000000", keyword + b"/%08d" % offset)
    path.write_bytes(first + second + b"/")
    with pytest.raises(FCSError, match=r"run\.fcs: the supplemental TEXT is bytes \d+-\d+, dataset 1 has \d+ bytes"):
        read_fcs_metadata(path)


def test_a_second_dataset_that_is_cut_short_spoils_its_own_reading_only(three):
    """The first tubes were exported whole."""
    three.write_bytes(three.read_bytes()[:-3])

    assert read_fcs(three, dataset=2).events[0, 0] == 2
    with pytest.raises(FCSError, match="it is cut short: 0 of 1 events are there"):
        read_fcs(three, dataset=3)


# ------------------------------------------------------------------------------------- Beckman Coulter


def twice(cytometer="Navios", total="1", first_version=b"FCS2.0    ", marker=None):
    """Return a file as Navios writes it: the same event with 10 bits, then with 20."""
    first = {"$DATATYPE": "I", "$P1B": "16", "$P2B": "16", "$P1R": "1024", "$P2R": "1024", "$TOT": total}
    first |= {"$P1N": "FS INT", "$P2N": "FL1 INT", "$P1S": "FS", "$P2S": "CD45-FITC", "$CYT": cytometer}
    events = np.array([[500, 300]], dtype="<u2").tobytes()
    second = {"$P1N": "FS INT", "$P2N": "FL1 INT", "$P2S": marker, "$TOT": "1", "$CYT": cytometer}
    size = len(fcs_bytes({**first, "$NEXTDATA": "00000000"}, events, version=first_version))
    head = fcs_bytes({**first, "$NEXTDATA": f"{size:08d}"}, events, version=first_version)
    return head + fcs_bytes(second, np.array([[512_000, 300_000]], dtype="<f4").tobytes())


@pytest.mark.parametrize(
    ("name", "cytometer"), [("a.lmd", None), ("A.LMD", None), ("a.fcs", "Navios"), ("a.fcs", "DxFLEX")]
)
def test_a_beckman_file_is_read_from_its_second_dataset(tmp_path, name, cytometer):
    """The first has a thousandth of the resolution, the second lacks the names: one reading, and it is said."""
    path = tmp_path / name
    path.write_bytes(twice(cytometer))

    sample = read_fcs(path)

    assert sample.events.tolist() == [[512_000, 300_000]]
    assert [channel.marker for channel in sample.channels] == ["FS", "CD45-FITC"]
    assert sample.warnings == (
        "The file holds the same events twice; the second dataset is read; "
        "names of markers are from the first: FS INT, FL1 INT.",
    )
    assert [warning.rule for warning in sample.warnings if isinstance(warning, Repair)] == ["names"]


def test_names_of_the_second_dataset_stay(tmp_path):
    """They were given to these numbers."""
    path = tmp_path / "a.lmd"
    path.write_bytes(twice(marker="CD45 KrO"))

    assert [channel.marker for channel in read_fcs(path).channels] == ["FS", "CD45 KrO"]


@pytest.mark.parametrize(
    "options",
    [{"cytometer": "Guava"}, {"total": "2"}, {"first_version": b"FCS3.0    "}],
    ids=["maker", "events", "version"],
)
def test_what_is_not_twice_the_same_must_be_chosen(tmp_path, options):
    """Two tubes in a file look much like it."""
    path = tmp_path / ("a.fcs" if "cytometer" in options else "a.lmd")
    path.write_bytes(twice(**options))

    with pytest.raises(FCSError, match="holds 2 datasets"):
        read_fcs(path)


def test_the_first_dataset_of_a_beckman_file_can_be_asked_for(tmp_path):
    """Old analyses were made on it."""
    path = tmp_path / "a.lmd"
    path.write_bytes(twice())

    assert read_fcs(path, dataset=1).events.tolist() == [[500, 300]]
