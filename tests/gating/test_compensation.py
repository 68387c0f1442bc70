"""Compensation: the right matrix, on the right channels, once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gating.compensation import (
    BLOCK,
    Spillover,
    compensate,
    declare_uncompensated,
    file_spillover,
    parse_spillover,
    read_spillover,
)
from gating.errors import CompensationError
from gating.sample import Channel, Sample

CHANNELS = (Channel("FSC-A"), Channel("FITC-A", "CD3"), Channel("PE-A", "CAR"), Channel("Time"))


def tube(*events: tuple[float, ...], **keywords: str) -> Sample:
    """Return a sample of two colours; keywords are written without their $."""
    table = np.array(events or [(1.0, 2.0, 3.0, 4.0)], dtype=float)
    dollar = {"SPILLOVER": "$SPILLOVER", "COMP": "$COMP", "CYT": "$CYT"}
    return Sample("pt07_d28.fcs", CHANNELS, table, {dollar.get(k, k): v for k, v in keywords.items()})


def two_colour(spill: float, source: str = "matrix.csv") -> Spillover:
    """Return a matrix in which FITC spills into PE."""
    return Spillover(("FITC-A", "PE-A"), np.array([[1, spill], [0, 1]]), source)


@given(
    true=arrays(float, (6, 3), elements=st.floats(-1e5, 1e5)),
    spill=arrays(float, (3, 3), elements=st.floats(0.001, 0.3)),
)
def test_compensation_undoes_mixing(true, spill):
    """Signals mixed as detectors mix them must come back as they were."""
    matrix = spill + np.eye(3) - np.diag(spill.diagonal())
    names = ("FITC-A", "PE-A", "APC-A")
    mixed = Sample("mixed", tuple(Channel(name) for name in names), true @ matrix)

    result = compensate(mixed, Spillover(names, matrix)).events

    np.testing.assert_allclose(result, true, rtol=1e-9, atol=1e-6)


def test_compensation_by_hand():
    """A FITC signal of 1000 puts 100 into PE; of the 150 measured there, 50 are PE."""
    sample = tube((7, 1000, 150, 9))

    result = compensate(sample, two_colour(0.1))

    assert result.events.round(9).tolist() == [[7, 1000, 50, 9]]
    assert sample.events.tolist() == [[7, 1000, 150, 9]]


def test_order_of_the_matrix_is_that_of_its_names():
    """Diva and FlowJo order channels differently from the file; names decide, not places."""
    turned = Spillover(("PE-A", "FITC-A"), np.array([[1, 0], [0.1, 1]]))

    assert compensate(tube((7, 1000, 150, 9)), turned).events.round(9).tolist() == [[7, 1000, 50, 9]]


def test_channels_outside_the_matrix_stay_to_the_last_bit():
    """A matrix for some fluorochromes is sound (A53); scatter and time are no fluorochromes."""
    events = np.random.default_rng(1).normal(0, 1e5, (100, 4))
    sample = Sample("s", CHANNELS, events.copy())

    result = compensate(sample, two_colour(0.1)).events

    assert np.array_equal(result[:, [0, 3]], events[:, [0, 3]])
    assert np.array_equal(result[:, 1], events[:, 1])


def test_compensation_is_that_of_a_linear_solve():
    """The inverse, applied event by event, must be as exact as solving the equations."""
    rng = np.random.default_rng(2)
    names = tuple(f"P{i}" for i in range(12))
    matrix = rng.uniform(0, 0.2, (12, 12)) * (1 - np.eye(12)) + np.eye(12)
    events = rng.lognormal(5, 2, (1000, 12))

    result = compensate(Sample("s", tuple(map(Channel, names)), events), Spillover(names, matrix)).events

    expected = np.linalg.solve(matrix.T, events.T).T
    assert np.abs(result - expected).max() <= 1e-12 * np.abs(events).max()


def test_compensated_values_depend_on_the_event_alone():
    """Shuffled events must give the same populations, to the last bit, wherever a block ends."""
    rng = np.random.default_rng(3)
    events = rng.normal(0, 1000, (BLOCK + 33, 4))
    order = rng.permutation(len(events))
    matrix = Spillover(("FITC-A", "PE-A"), np.array([[1, 0.123], [0.0456, 1]]))

    straight = compensate(Sample("s", CHANNELS, events), matrix).events
    shuffled = compensate(Sample("s", CHANNELS, events[order]), matrix).events

    assert np.array_equal(shuffled, straight[order])


def test_compensated_sample_says_by_what():
    """The report states the matrix of each sample, and what was odd about it."""
    odd = Spillover(("FITC-A", "PE-A"), np.array([[1, 0.1], [0, 0.9]]), "matrix.csv")

    result = compensate(replace(tube(), warnings=("odd before",)), odd)

    assert result.compensation == "matrix.csv"
    assert result.warnings == (
        "odd before",
        "matrix.csv: diagonal is not 1 at PE-A 0.9; signals there are rescaled.",
    )


def test_a_matrix_without_a_source_marks_the_sample_all_the_same():
    """An empty mark would mean "not compensated", and invite a second time."""
    assert compensate(tube(), two_colour(0.1, source=" ")).compensation == "matrix"


@pytest.mark.parametrize("count", ["²", "٢", "9" * 5000, "1_0", "02"])
@pytest.mark.parametrize("keyword", ["$COMP", "$SPILLOVER"])
def test_a_count_that_python_alone_reads_as_a_number_is_refused(keyword, count):
    """Some of these are digits to ``str.isdigit`` and none to ``int``: a bare ValueError once ended the run."""
    channels = (Channel("FITC-A"), Channel("PE-A"))
    sample = Sample("pt01.fcs", channels, np.zeros((1, 2)), {keyword: f"{count},1,0,0,1"})

    with pytest.raises(
        CompensationError, match=rf"pt01\.fcs: \{keyword}: begins with .*; it must begin with the number"
    ):
        file_spillover(sample)


@pytest.mark.parametrize("cell", ["1_0", "٢", "0x1", "１", ""])
def test_a_cell_that_python_alone_reads_as_a_number_is_refused(cell):
    """A program wrote the matrix; none writes these."""
    with pytest.raises(CompensationError, match=rf"'{cell}' in row 1 of the matrix; a spillover is a number"):
        parse_spillover(f"2,FITC-A,PE-A,1,{cell},0,1", "$SPILLOVER")


@pytest.mark.parametrize("name", ["²", "9" * 5000])
def test_a_channel_number_that_is_none_is_a_name(name):
    """And a name that the file does not have."""
    sample = Sample(
        "pt01.fcs", (Channel("FITC-A"), Channel("PE-A")), np.zeros((1, 2)), {"SPILL": f"2,1,{name},1,0,0,1"}
    )

    with pytest.raises(CompensationError, match=r"pt01\.fcs: SPILL: no channel '1'"):
        file_spillover(sample)


def test_compensating_twice_is_refused():
    """A second compensation would over-correct, so it is an error."""
    once = compensate(tube(), two_colour(0.1))

    with pytest.raises(CompensationError, match=r"pt07_d28.fcs is compensated already \(matrix.csv\)"):
        compensate(once, two_colour(0.1))
    with pytest.raises(CompensationError, match="compensated already"):
        declare_uncompensated(once)


def test_declared_samples_are_not_compensated():
    """A "none" said out loud is a decision, recorded as one."""
    sample = declare_uncompensated(tube())

    assert sample.compensation == "none (declared)"
    assert declare_uncompensated(tube(), "none (one colour)").compensation == "none (one colour)"
    with pytest.raises(CompensationError, match=r"compensated already \(none \(declared\)\)"):
        compensate(sample, two_colour(0.1))
    with pytest.raises(CompensationError, match="no reason given"):
        declare_uncompensated(tube(), " ")


def test_data_compensated_by_the_exporting_program_are_refused():
    """FlowJo and Diva mark exported compensated channels Comp-; a matrix would be applied twice (A54)."""
    exported = Sample("x.fcs", (Channel("Comp-PE-A"), Channel("FJComp-APC-A")), np.zeros((1, 2)))
    matrix = Spillover(("Comp-PE-A", "FJComp-APC-A"), np.array([[1, 0.1], [0, 1]]))

    with pytest.raises(CompensationError, match="Comp-PE-A, FJComp-APC-A were compensated by the program"):
        compensate(exported, matrix)


def test_unmixed_data_are_refused():
    """A spectral cytometer's unmixed channels are free of spillover; raw detectors are not (A54)."""
    unmixed = tube(CYT="Aurora")
    raw = Sample("raw.fcs", (Channel("V1-A"), Channel("YG10-A")), np.ones((1, 2)), {"$CYT": "Aurora"})

    with pytest.raises(CompensationError, match=r"is unmixed data of a spectral cytometer \(Aurora\), and matrix.csv"):
        compensate(unmixed, two_colour(0.1))
    assert compensate(raw, Spillover(("V1-A", "YG10-A"), np.array([[1, 0.1], [0, 1]]))).compensated


def test_a_matrix_without_spillover_needs_a_word():
    """It stands in files that were compensated or unmixed on export, and in those where no one ever set it."""
    sample = tube(SPILLOVER="2,FITC-A,PE-A,1,0.000001,0,1")

    with pytest.raises(CompensationError, match=r'\$SPILLOVER is the identity, .* say source = "none"'):
        compensate(sample, file_spillover(sample))
    assert declare_uncompensated(sample).compensation == "none (declared)"


def test_unknown_channels_are_named_with_what_may_be_meant():
    """The usual causes: Comp-, a missing -A, another case, the marker instead of the detector (A49)."""
    names = ("Comp-FITC-A", "pe", "BV421-A")
    matrix = Spillover(names, np.eye(3) + 0.1 * np.eye(3, k=1))

    with pytest.raises(CompensationError) as caught:
        compensate(tube(), matrix)

    assert str(caught.value) == (
        "pt07_d28.fcs: matrix: no channel 'Comp-FITC-A' (did you mean 'FITC-A'?), 'pe' (did you mean 'PE-A'?), "
        "'BV421-A' in the file; the matrix must use the names of $PnN. Known: FSC-A, FITC-A, PE-A, Time"
    )
    with pytest.raises(CompensationError, match=r"'CD3' \(did you mean 'FITC-A'\?\)"):
        compensate(tube(), Spillover(("CD3", "PE-A"), np.eye(2)))


@pytest.mark.parametrize(
    ("channels", "matrix", "message"),
    [
        (("a", "b"), np.ones((2, 3)), "m.csv: spillover is 2 x 3; it must be square"),
        (("a",), np.eye(2), "is 2 x 2 for 1 channels; it needs one row and column for each"),
        ((), np.empty((0, 0)), "has a channel without a name"),
        (("a", ""), np.eye(2), "has a channel without a name; name each by its"),
        (("a", "b", "a"), np.eye(3), "names a twice; each channel has one row and column"),
        (("a", "b"), [[1, np.nan], [0, 1]], "of a into b is not a finite number"),
        (("a", "b"), [[1, 1], [1, 1]], "is singular: the signal of one channel is a mixture of others"),
        (("a", "b"), [[0, 0], [0, 0]], "is singular"),
        (
            ("a", "b"),
            [[1, 1], [1, 1 + 1e-7]],
            "has condition number 4.0e.07; above 1e.06 the result is amplified noise",
        ),
        (("a", "b"), [[100, 12], [3, 100]], "is in percent .100 on the diagonal.; divide it by 100"),
    ],
)
def test_matrices_that_cannot_be_are_refused(channels, matrix, message):
    """Each would give numbers, and wrong ones (A51, A52)."""
    with pytest.raises(CompensationError, match=message):
        Spillover(channels, np.array(matrix), "m.csv")


def test_condition_number():
    """How much noise may grow is stated for each matrix; of no spillover it is 1."""
    assert two_colour(0).condition == 1
    assert two_colour(0.5).condition == pytest.approx(np.linalg.cond([[1, 0.5], [0, 1]]))


def test_matrix_cannot_be_changed_after_it_was_checked():
    """A checked matrix that changes is an unchecked one."""
    numbers = np.eye(2)
    spillover = Spillover(("a", "b"), numbers)
    numbers[0, 0] = 0

    assert spillover.matrix[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        spillover.matrix[0, 0] = 0


def test_keyword_is_read_row_by_row():
    """FCS 3.1: the first row is what the first fluorochrome puts into each detector."""
    found = parse_spillover("2, FITC-A ,PE-A,1,0.25,1e-2,1", "$SPILLOVER")

    assert found.channels == ("FITC-A", "PE-A")
    assert found.matrix.tolist() == [[1, 0.25], [0.01, 1]]
    assert found.source == "$SPILLOVER"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2,FITC-A,PE-A,1,0.1,0", "x.fcs: 3 numbers for 2 channels; 2 x 2 = 4 are needed$"),
        ("2,FITC-A", "x.fcs: 0 numbers for 2 channels"),
        ("2,FITC-A,PE-A,APC-A,1,0,0,1", "5 numbers for 2 channels; .* are needed. It names 3 channels"),
        ("2,FITC-A,PE-A,1,0,25,0,1", "5 numbers for 2 channels; .*; decimals must have a point, not a comma"),
        ("3,FITC-A,PE-A,1,0.1,0,1", "3 numbers for 3 channels; 3 x 3 = 9 are needed. It names 2 channels"),
        ("FITC-A,PE-A,1,0.1,0,1", "begins with 'FITC-A'; it must begin with the number of channels"),
        ("", "begins with ''"),
        ("0", "begins with '0'"),
        ("2,FITC-A,PE-A,1,x,0,1", "x.fcs: 'x' in row 1 of the matrix; a spillover is a number like 0.12"),
        ("2,FITC-A,PE-A,1,nan,0,1", "spillover of FITC-A into PE-A is not a finite number"),
        ("2,PE-A,PE-A,1,0,0,1", "names PE-A twice"),
    ],
)
def test_keywords_that_cannot_be_read_are_refused(text, message):
    """Cut short, decimal commas, a wrong number of channels: never a reshaped guess (A51)."""
    with pytest.raises(CompensationError, match=message):
        parse_spillover(text, "x.fcs")


@pytest.mark.parametrize("keyword", ["$SPILLOVER", "SPILL", "SPILLOVER", "$SPILL", "$COMP"])
def test_file_matrix_is_found_under_each_keyword(keyword: str):
    """Vendors wrote it under five names before and after FCS 3.1."""
    sample = Sample("s", CHANNELS, np.zeros((1, 4)), {keyword: "2,FITC-A,PE-A,1,0.1,0,1"})

    found = file_spillover(sample)

    assert found is not None
    assert found.source == keyword
    assert found.channels == ("FITC-A", "PE-A")


@pytest.mark.parametrize(("first", "second"), [("SPILLOVER", "SPILL"), ("SPILL", "COMP"), ("SPILLOVER", "COMP")])
def test_of_two_matrices_the_one_of_the_newer_standard_counts(first: str, second: str):
    """What a vendor wrote before is often left in beside it; $COMP may even be another day's."""
    other = {second: "2,FITC-A,PE-A,1,0.5,0.5,1", first: "2,FITC-A,PE-A,1,0.1,0.02,1"}

    assert file_spillover(tube(**other)).matrix.tolist() == [[1, 0.1], [0.02, 1]]


def test_file_without_a_matrix():
    """Absent, empty or 0 is absent; what to do about it is decided elsewhere."""
    assert file_spillover(tube()) is None
    assert file_spillover(tube(SPILLOVER=" ", SPILL="0")) is None


def test_channels_by_number_are_those_of_the_file():
    """Navios numbers the parameters from 1 (A50)."""
    found = file_spillover(tube(SPILLOVER="2,2,3,1,0.1,0,1"))

    assert found is not None
    assert found.channels == ("FITC-A", "PE-A")


def test_channels_named_by_digits_are_names():
    """A file may call its detectors "1" and "2": then these are names, not places."""
    sample = Sample("s", (Channel("2"), Channel("1")), np.zeros((1, 2)), {"SPILL": "2,1,2,1,0.1,0,1"})

    found = file_spillover(sample)

    assert found is not None
    assert found.channels == ("1", "2")


def test_file_matrix_with_unknown_channels_is_refused():
    """The message has the file and the keyword."""
    with pytest.raises(CompensationError, match=r"pt07_d28.fcs: SPILL: no channel 'APC-A' \(did you mean"):
        file_spillover(tube(SPILL="2,APC-A,PE-A,1,0.1,0,1"))


def test_broken_file_matrix_names_the_file():
    """Of a hundred files, the user must know which."""
    with pytest.raises(CompensationError, match=r"pt07_d28.fcs: \$SPILLOVER: 3 numbers for 2 channels"):
        file_spillover(tube(SPILLOVER="2,FITC-A,PE-A,1,0.1,0"))


def test_unnamed_matrix_of_fcs_3_0():
    """$COMP has no names: it is taken only if it can mean one thing."""
    found = file_spillover(tube(COMP="2,1,0.1,0.02,1"))

    assert found is not None
    assert found.channels == ("FITC-A", "PE-A")
    assert found.matrix.tolist() == [[1, 0.1], [0.02, 1]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "1,1",
            r"is for 1 channels that it does not name, and the file has 2 .*FITC-A, PE-A.*; give the matrix as a CSV",
        ),
        ("2,100,10,2,100", "may be an inverse or in percent"),
        ("2,1,-0.1,0,1", "may be an inverse or in percent"),
        ("2,1,0.1,0", r"\$COMP: 3 numbers for 2 channels; 4 are needed"),
        ("n,1,0.1,0", "begins with 'n'"),
    ],
)
def test_ambiguous_unnamed_matrix_is_refused(text: str, message: str):
    """Its inverse, percent or other channels would all give plausible, wrong numbers."""
    with pytest.raises(CompensationError, match=message):
        file_spillover(tube(COMP=text))


MATRIX_FILES = {
    "square": "FITC-A,PE-A\n1,0.1\n0.02,1\n",
    "row names": '"","FITC-A","PE-A"\n"FITC-A",1,0.1\n"PE-A",0.02,1\n',
    "rows in another order": ",FITC-A,PE-A\nPE-A,0.02,1\nFITC-A,1,0.1\n",
    "no corner": "FITC-A,PE-A\nFITC-A,1,0.1\nPE-A,0.02,1\n",
    "European Excel": "\ufeff;FITC-A;PE-A\r\nFITC-A;1;0,1\r\nPE-A;0,02;1\r\n;;\r\n",
    "tabs": "FITC-A\tPE-A\n1\t0.1\n0.02\t1\n\n",
    "FlowJo comment": "# FITC-A,PE-A\n1.000,0.100\n0.02,1\n",
}


@pytest.mark.parametrize("text", MATRIX_FILES.values(), ids=MATRIX_FILES)
def test_matrix_files(text: str, tmp_path: Path):
    """One matrix as R, FlowJo, FlowKit and Excel write it."""
    path = tmp_path / "matrix.csv"
    path.write_text(text, encoding="utf-8")

    found = read_spillover(path)

    assert found.channels == ("FITC-A", "PE-A")
    assert found.matrix.tolist() == [[1, 0.1], [0.02, 1]]
    assert found.source == "matrix.csv"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "m.csv: 0 lines; a matrix has one of channels, then one for each"),
        ("FITC-A,PE-A\n", "m.csv: 1 lines"),
        ("FITC-A,PE-A\n1,0.1\n", "spillover is 1 x 2; it must be square"),
        ("FITC-A,PE-A\n1,0.1\n0.02\n", "line 3 has 1 numbers for 2 channels; one for each is needed"),
        (",FITC-A,PE-A\nFITC-A,1,0\nAPC-A,0,1\n", "rows and columns name different channels: APC-A, PE-A not in both"),
        (",FITC-A,PE-A\nFITC-A,1,0\nFITC-A,0,1\n", "rows and columns name different channels: PE-A not in both"),
        ("FITC-A,PE-A\n1,0\nhigh,1\n", "m.csv: 'high' in row 2 of the matrix"),
        ("FITC-A,PE-A\n1,0\n0,high\n", "m.csv: 'high' in row 2 of the matrix; a spillover is a number"),
        ("FITC-A,FITC-A\n1,0\n0,1\n", "names FITC-A twice"),
        ("a\nb\n", "spillover is 1 x 0; it must be square"),
        ("FITC-A,PE-A\n" + "1" * 200_000 + ",0\n0,1\n", "m.csv: is not a CSV file: field larger than"),
    ],
)
def test_matrix_files_that_cannot_be_are_refused(text: str, message: str, tmp_path: Path):
    """The message names file and line."""
    path = tmp_path / "m.csv"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(CompensationError, match=message):
        read_spillover(path)


def test_files_that_cannot_be_opened_are_refused(tmp_path: Path):
    """Absent, or an .xlsx renamed: one line, not a traceback."""
    (tmp_path / "m.csv").write_bytes(b"PK\x03\x04\xff\xfe")

    with pytest.raises(CompensationError, match=r"m.csv: is not UTF-8 text; save the matrix as CSV UTF-8"):
        read_spillover(tmp_path / "m.csv")
    with pytest.raises(CompensationError, match=r"gone.csv: cannot be read: No such file"):
        read_spillover(str(tmp_path / "gone.csv"))


def test_matrix_of_a_published_experiment(shared: Path):
    """The authors' 11-colour matrix: read, well-conditioned, and unlike the one of their files."""
    found = read_spillover(shared / "data" / "mouse_activation" / "Compensation-Spillover-Matrix.csv")

    assert len(found.channels) == 11
    assert found.matrix[0, 1] == 0.180901
    assert found.warnings == ()
    assert found.condition < 10
