"""The sample sheet: which file is whose, and every fault with its row."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phenotype.errors import StudyError
from phenotype.samples import SampleRow, _safe, join_patients, read_samples, unlisted_files
from phenotype.study import Study, read_study

STUDY = '[study]\nname = "x"\nsamples = "samples.csv"\nclinical = "c.csv"\ntemplate = "g.csv"\n'
HEADER = "file,patient_id,role,day,batch,marker"


def study_with(folder: Path, rows: str, header: str = HEADER) -> Study:
    """Write a study with these rows of samples."""
    (folder / "samples.csv").write_text(f"{header}\n{rows}", encoding="utf-8")
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    return read_study(folder / "study.toml")


def read(folder: Path, rows: str, header: str = HEADER) -> tuple[SampleRow, ...]:
    """Read these rows of samples."""
    return read_samples(study_with(folder, rows, header)).rows


def faults(folder: Path, rows: str, header: str = HEADER) -> tuple[str, ...]:
    """Return the faults of these rows of samples."""
    with pytest.raises(StudyError) as caught:
        read(folder, rows, header)
    return caught.value.faults


def test_a_row_is_read_as_typed(tmp_path):
    """An identifier is text: 00123 and 123 are two patients."""
    rows = read(tmp_path, "d/a.fcs,00123,product,,B1,,Ann\nb.fcs,,fmo,D0,B1,CAR,Bob\n", HEADER + ",operator")

    assert rows == (
        SampleRow("a", "d/a.fcs", tmp_path / "d" / "a.fcs", "00123", "product", None, "B1", "", {"operator": "Ann"}),
        SampleRow("b", "b.fcs", tmp_path / "b.fcs", "", "fmo", 0, "B1", "CAR", {"operator": "Bob"}),
    )


def test_a_file_that_is_missing_is_no_fault_of_the_sheet(tmp_path):
    """A run goes on without it and lists it; the sheet may be ahead of the copying."""
    assert not read(tmp_path, "a.fcs,p,product,,,\n")[0].path.exists()


def test_all_faults_at_once(tmp_path):
    """Each row has another fault; all are named, with the row as the spreadsheet shows it."""
    rows = (
        "a.fcs,P1,produkt,,,\n"
        "b.fcs,,product,,,\n"
        "c.fcs,,monitoring,D7,,\n"
        "d.fcs,P2,product,?,?,\n"
        "e.fcs,,fmo,,,\n"
        "f.fcs,,single_stain,,,\n"
        ",P3,product,,,\n"
        "g.fcs,P4,monitoring,wk1,,\n"
        "h.fcs,P5,monitoring,,,\n"
        "./a.fcs,P6,product,,,\n"
        "i.fcs,P2,product,,,\n"
    )

    assert faults(tmp_path, rows) == (
        "samples.csv: row 2: role is 'produkt'; did you mean 'product'? "
        "Known: product, monitoring, fmo, unstained, single_stain, untransduced",
        "samples.csv: row 3: patient_id is empty; a product belongs to a patient",
        "samples.csv: row 4: patient_id is empty; a monitoring sample belongs to a patient",
        "samples.csv: row 5: day is '?'; decide, and write the answer",
        "samples.csv: row 5: batch is '?'; decide, and write the answer",
        "samples.csv: row 6: marker is empty; say which marker the fmo is for",
        "samples.csv: row 7: marker is empty; say which marker the single_stain is for",
        "samples.csv: row 8: file is empty; name an FCS file",
        "samples.csv: row 9: day is 'wk1'; write a whole day: 7, D7, D+7 or D-5",
        "samples.csv: row 10: day is empty; a monitoring sample was taken on a day after infusion",
        "samples.csv: row 11: file 'a.fcs' is in row 2 already; keep one",
        "samples.csv: row 12: patient 'P2' has a product in row 5 already; "
        "if both count, number them in a column 'replicate'",
    )


@pytest.mark.parametrize("column", ["file", "patient_id", "role"])
def test_a_missing_column_is_named(tmp_path, column):
    """A header with a slip gets the name that was meant."""
    header = HEADER.replace(column, column + "s")

    assert faults(tmp_path, "a.fcs,p,product,,,\n", header)[0].startswith(
        f"samples.csv: no column '{column}'; did you mean '{column}s'?"
    )


@pytest.mark.parametrize(
    ("written", "meant"), [("bacth", "batch"), ("Batch_ID", "batch"), ("days", "day"), ("markr", "marker")]
)
def test_a_column_that_is_almost_known_is_refused(tmp_path, written, meant):
    """A misspelt batch would hold every sample against the controls of all days, and nothing would show it."""
    (fault,) = faults(tmp_path, "a.fcs,P1,product,,,\n", HEADER.replace(meant, written))

    found = f"column {written.casefold()!r} looks like {meant!r}, which is not there; name it so, or less alike"
    assert fault == f"samples.csv: {found}"


def test_columns_of_the_lab_are_not_taken_for_others(tmp_path):
    """What the lab notes beside is its own."""
    header = HEADER + ",date,notes,sample,market"

    assert read(tmp_path, "a.fcs,P1,product,,,,,,,\n", header)[0].extra == {
        "date": "", "notes": "", "sample": "", "market": "",
    }  # fmt: skip


def test_a_sheet_without_batches_says_what_follows(tmp_path):
    """One day of staining needs no column; several without one would share all controls."""
    sheet = read_samples(study_with(tmp_path, "a.fcs,P1,product\n", "file,patient_id,role"))

    assert sheet.notes == ("samples.csv: no column 'batch': every control serves every sample",)


def test_an_empty_sheet_is_a_fault(tmp_path):
    """A run of nothing would report success."""
    assert faults(tmp_path, "") == ("samples.csv: no rows; list each FCS file",)


@pytest.mark.parametrize(
    "file",
    ["/etc/a.fcs", "../a.fcs", "x/../../a.fcs", "C:\\data\\a.fcs", "c:a.fcs", "\\\\server\\share\\a.fcs", "..\\a.fcs"],
)
def test_a_file_outside_the_study_folder_is_refused(tmp_path, file):
    """A sheet from someone else must not make the program open, hash or report any other file."""
    assert "outside the study folder" in faults(tmp_path, f"{file},p,product,,,\n")[0]


def test_a_role_in_capitals_is_explained(tmp_path):
    """FMO is how everyone writes it, and no close match by letters."""
    assert "did you mean 'fmo'?" in faults(tmp_path, "a.fcs,,FMO,,,CAR\n")[0]


@pytest.mark.parametrize(("text", "day"), [("7", 7), ("D7", 7), ("d+7", 7), ("D-5", -5), ("0", 0)])
def test_days_as_labs_write_them(tmp_path, text, day):
    """Each of these is a day that only reads one way."""
    assert read(tmp_path, f"a.fcs,p,monitoring,{text},,\n")[0].day == day


def test_replicates_need_a_column_that_numbers_them(tmp_path):
    """Two products of a patient are an average or a mistake; the sheet must say which."""
    rows = "a.fcs,p,product,,,,1\nb.fcs,p,product,,,,2\n"

    assert len(read(tmp_path, rows, HEADER + ",replicate")) == 2
    assert "has a product in row 2" in faults(tmp_path, rows.replace(",2\n", ",1\n"), HEADER + ",replicate")[0]


def test_two_monitoring_samples_of_a_day_are_a_fault(tmp_path):
    """The same visit twice, however the day is written."""
    found = faults(tmp_path, "a.fcs,p,monitoring,7,,\nb.fcs,p,monitoring,D+7,,\nc.fcs,p,monitoring,D8,,\n")

    assert found == (
        "samples.csv: row 3: patient 'p' has a monitoring sample of day D+7 in row 2 already; "
        "if both count, number them in a column 'replicate'",
    )


def test_days_before_and_after_are_two(tmp_path):
    """D-5 is not D5."""
    assert len(read(tmp_path, "a.fcs,p,monitoring,D-5,,\nb.fcs,p,monitoring,D5,,\n")) == 2


def test_names_of_samples_are_unique(tmp_path):
    """Two files of the same name in two folders would overwrite each other's results."""
    rows = "x/a.fcs,p,product,,,\ny/A.FCS,q,product,,,\nb.fcs,r,product,,,\n"

    assert [row.sample_id for row in read(tmp_path, rows)] == ["x_a", "y_A", "b"]


def test_names_that_still_collide_are_numbered(tmp_path):
    """x/a.fcs and x_a.fcs both want to be x_a."""
    rows = "x_a.fcs,p,product,,,\nx/a.fcs,q,product,,,\ny/a.fcs,r,product,,,\n"

    assert [row.sample_id for row in read(tmp_path, rows)] == ["x_a", "x_a_2", "y_a"]


def test_datasets_of_one_file_are_tubes_of_their_own(tmp_path):
    """Guava writes a whole plate into a file; each of its tubes is one patient's."""
    header = HEADER + ",dataset"
    rows = read(tmp_path, "run.fcs,p,product,,,,2\nrun.fcs,q,product,,,,pt 3\nb.fcs,r,product,,,,\n", header)

    assert [(row.sample_id, row.dataset, row.tube) for row in rows] == [
        ("run_2", "2", "run.fcs#2"),
        ("run_pt 3", "pt 3", "run.fcs#pt 3"),
        ("b", "", "b.fcs"),
    ]
    assert faults(tmp_path, "run.fcs,p,product,,,,2\nrun.fcs,q,product,,,,2\n", header) == (
        "samples.csv: row 3: dataset '2' of file 'run.fcs' is in row 2 already; keep one",
    )


def test_a_typed_sample_id_is_kept_and_must_be_unique(tmp_path):
    """It names files of results, so / cannot stay."""
    header = HEADER + ",sample_id"

    assert read(tmp_path, "a.fcs,p,product,,,,P1/0\nb.fcs,q,product,,,,\n", header)[0].sample_id == "P1_0"
    found = faults(tmp_path, "a.fcs,p,product,,,,S\nb.fcs,q,product,,,,s\n", header)
    assert found == ("samples.csv: row 3: sample_id 's' is in row 2 already; it must be unique",)


@given(st.text())
def test_every_name_is_safe_as_a_file(name):
    """Whatever a sheet holds, results stay in the result folder."""
    safe = _safe(name)

    assert safe
    assert Path(safe).name == safe
    assert not safe.startswith(".")
    assert safe.isprintable()


def test_files_beside_listed_ones_are_found(tmp_path):
    """A forgotten row is a patient left out without a word."""
    (tmp_path / "day0").mkdir()
    (tmp_path / "elsewhere").mkdir()
    for name in ("day0/a.fcs", "day0/b.FCS", "day0/._a.fcs", "day0/notes.txt", "elsewhere/c.fcs"):
        (tmp_path / name).write_bytes(b"")
    study = study_with(tmp_path, "day0/a.fcs,p,product,,,\ngone/x.fcs,q,product,,,\n")

    assert unlisted_files(study, read_samples(study).rows) == ("day0/b.FCS",)


def product(patient: str) -> SampleRow:
    """Return a product of a patient."""
    return SampleRow(patient, f"{patient}.fcs", Path(f"{patient}.fcs"), patient, "product")


def test_the_join_is_told_from_both_sides():
    """A patient who drops out of the join silently changes every comparison."""
    report = join_patients(["A", "B", "C"], [product("B"), product("B"), product("D"), product("A")])

    assert report.matched == ("A", "B")
    assert report.without_clinical == ("D",)
    assert report.without_product == ("C",)
    assert report.look_alikes == ()


@pytest.mark.parametrize("patient", ["p-01", "P\u201101", "P 01", "P-1", "P_001", "P-01\u200b"])
def test_look_alikes_are_told_and_not_joined(patient):
    """Excel turns a dash into another dash; only a person may say that it is the same patient."""
    report = join_patients(["P-01"], [product(patient)])

    assert report.matched == ()
    assert report.look_alikes == (f"{patient!r} of the samples looks like 'P-01' of the clinical sheet",)
