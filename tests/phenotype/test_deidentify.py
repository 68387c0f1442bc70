"""De-identified copies: nothing that was not let through on purpose, and the same numbers.

The searches here are the tests' own: what the product's search overlooks must not be overlooked twice.
"""

import csv
import os
import re
import shutil
import stat
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gating import open_fcs, read_fcs, read_fcs_metadata
from phenotype.cli import main
from phenotype.deidentify import deidentify_folder
from phenotype.deidentify.keywords import ALLOWED, Dates, safe_keywords
from phenotype.deidentify.pseudonyms import Pseudonyms
from phenotype.deidentify.search import BLOCK_BYTES, identifiers_of, read_hits
from phenotype.deidentify.sheets import clinical_sheet, shifts
from phenotype.errors import DeidentifyError
from phenotype.pipeline import run_study
from phenotype.tables import Row, Table

SAMPLE = Path(__file__).resolve().parents[2] / "sample_fcs"
NAME = "Kowalski"
DATA = np.arange(6, dtype="<f4").tobytes()
KEYWORDS = {
    "$BYTEORD": "1,2,3,4", "$DATATYPE": "F", "$MODE": "L", "$NEXTDATA": "0", "$PAR": "2", "$TOT": "3",
    "$P1N": "FSC-A", "$P1B": "32", "$P1R": "262144", "$P1E": "0,0",
    "$P2N": "PE-A", "$P2S": "CD3", "$P2B": "32", "$P2R": "262144", "$P2E": "0,0",
}  # fmt: skip


def fcs(keywords=None, *, supplement=b"", analysis=b"", gap=b"", tail=b"", data=DATA, size=None):
    """Return an FCS file: HEADER, TEXT, gap, DATA, supplemental TEXT, ANALYSIS, tail; ``size`` goes to $NEXTDATA."""
    pairs = {**KEYWORDS, **(keywords or {})}
    text_bytes = 1500
    begin = 58 + text_bytes + len(gap)
    end = begin + len(data) - 1
    at_supplement, at_analysis = end + 1, end + 1 + len(supplement)
    pairs |= {"$BEGINDATA": f"{begin}", "$ENDDATA": f"{end}"}
    if supplement:
        pairs |= {"$BEGINSTEXT": f"{at_supplement}", "$ENDSTEXT": f"{at_analysis - 1}"}
    if analysis:
        pairs |= {"$BEGINANALYSIS": f"{at_analysis}", "$ENDANALYSIS": f"{at_analysis + len(analysis) - 1}"}
    if size is not None:
        pairs["$NEXTDATA"] = f"{size}"
    text = "".join(f"/{keyword}/{value}" for keyword, value in pairs.items()).encode() + b"/"
    head = b"FCS3.1    " + b"".join(b"%8d" % n for n in (58, 57 + text_bytes, begin, end, 0, 0))
    return head + text.ljust(text_bytes) + gap + data + supplement + analysis + tail


def two_datasets(first, second):
    """Return a file of two datasets."""
    return fcs(first, size=len(fcs(first))) + fcs(second)


def encodings(text):
    """Return a text as bytes in each encoding, and in both cases."""
    return [
        case.encode(code) for case in (text, text.upper(), text.lower()) for code in ("utf-8", "utf-16-le", "utf-16-be")
    ]


def holds(folder, text):
    """Return the files of a folder that hold a text, in any encoding, or in their name."""
    return [
        path.name
        for path in folder.rglob("*")
        if text.casefold() in path.name.casefold()
        or (path.is_file() and any(code in path.read_bytes() for code in encodings(text)))
    ]


def data_of(path):
    """Return the bytes of DATA where TEXT says they are, read without the product."""
    raw = path.read_bytes()
    text = raw[58 : int(raw[18:26]) + 1]
    begin, end = (int(re.search(rb"\$%s\W0*(\d+)" % word, text)[1]) for word in (b"BEGINDATA", b"ENDDATA"))
    return raw[begin : end + 1]


def table(path):
    """Read a CSV."""
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def folder(tmp_path):
    """Give an empty folder for exports."""
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


PLACES = {
    "vendor keyword": fcs({"TUBE NAME": NAME}),
    "name of a keyword": fcs({f"@{NAME}": "1"}),
    "$-keyword": fcs({"$SRC": NAME, "$SMNO": NAME, "$FIL": f"{NAME}.fcs", "$OP": NAME}),
    "$-keyword that nobody knows": fcs({"$NEWER": NAME}),
    "cytometer": fcs({"$CYT": f"Canto II of {NAME}", "$CYTSN": NAME}),
    "voltage": fcs({"$P1V": NAME, "$P2G": NAME, "$P1R": NAME}),
    "channel that is not there": fcs({"$P3S": NAME, "$P3N": NAME}),
    "matrix": fcs({"SPILL": f"2,FSC-A,PE-A,1,0,0,1,{NAME}", "$COMP": NAME}),
    "flag": fcs({"APPLY COMPENSATION": NAME, "SYNTHETIC": NAME, "$ORIGINALITY": NAME, "GUID": NAME}),
    "time": fcs({"$DATE": NAME, "$BTIM": f"10:00:00 {NAME}", "$ETIM": "10:01:00", "$TIMESTEP": NAME}),
    "UTF-16 in a vendor's blob": fcs({"BDCHORUSDATARECORD": "x" * 16}).replace(b"x" * 16, NAME.encode("utf-16-le")),
    "supplemental TEXT": fcs(supplement=f"/PATIENT ID/{NAME}/$COM/{NAME}/".encode()),
    "ANALYSIS": fcs(analysis=f"/GATE1/{NAME}/".encode()),
    "gap": fcs(gap=f"....{NAME}....".encode()),
    "trailing bytes": fcs(tail=NAME.encode("utf-16-le")),
    "other dataset": two_datasets({"$SMNO": NAME}, {"$SMNO": NAME}),
    "file that was appended": fcs() + fcs({"$SMNO": NAME}),
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_an_identifier_goes_wherever_it_hides(folder, place):
    """An allow-list needs no knowledge of the place; DATA stays as it is."""
    (folder / f"{NAME}.fcs").write_bytes(PLACES[place])

    found = deidentify_folder(folder, folder.parent / "out")

    copies = list(found.folder.iterdir())
    assert (found.failures, found.hits) == ((), ())
    assert len(copies) == (2 if place == "other dataset" else 1)
    assert holds(found.folder, NAME) == []
    assert all(data_of(copy) == DATA for copy in copies)


def test_the_tests_own_files_hold_what_they_hide(folder):
    """Else the test above would pass of itself."""
    for number, raw in enumerate(PLACES.values()):
        (folder / f"{number}.fcs").write_bytes(raw)

    assert len(holds(folder, NAME)) == len(PLACES)


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """De-identify the sample study once; returns the copy of the study, the outcome and the list of names."""
    folder = tmp_path_factory.mktemp("sample") / "secure"
    shutil.copytree(SAMPLE, folder, ignore=shutil.ignore_patterns("results"))
    found = deidentify_folder(folder, folder.parent / "copy")
    return folder, found, table(found.mapping)


def test_no_identifier_of_the_sample_study_is_left(sample):
    """Patients and file names, in every file and in every encoding, by a search of the test's own."""
    folder, found, names = sample
    patients = [row["patient_id"] for row in table(folder / "clinical.csv")]
    stems = [path.stem for path in (folder / "fcs").iterdir()]
    raw = {path.name: path.read_bytes().lower() for path in found.folder.iterdir()}

    left = [
        (word, name)
        for word in (*patients, *stems)
        for name, content in raw.items()
        if word.lower() in name or any(code in content for code in {each.lower() for each in encodings(word)})
    ]
    assert len(raw) == 64 + 5
    assert left == []
    assert {row["old"] for row in names} >= {*patients}


def test_events_of_the_sample_study_are_equal_bit_for_bit(sample):
    """All 64 files that can be read, found again by the list of names."""
    folder, found, names = sample
    files = [row for row in names if row["kind"] == "file"]

    assert len(files) == 64
    for row in files:
        assert data_of(found.folder / row["new"]) == data_of(folder / row["old"]), row["old"]


def test_a_refused_file_is_not_copied_and_is_listed(sample):
    """A file that is cut short would look whole."""
    _, found, names = sample

    (failure,) = found.failures
    assert failure.startswith("fcs/P005_product.fcs: DATA is bytes 1932-289931, the file has 202951 bytes")
    assert not any("P005_product" in row["old"] for row in names)
    assert found.status == 1


def mapped(text, names, days):
    """Return the text of a result with old names for new ones, and each patient's own dates."""
    for new, old in names.items():
        text = text.replace(new, old)

    def moved(date_found):
        return str(date.fromisoformat(date_found[0]) - timedelta(days))

    return re.sub(r"\d{4}-\d\d-\d\d", moved, text)


def test_the_copies_of_the_sample_study_give_the_same_tables(sample, monkeypatch, tmp_path):
    """Every CSV of a run, cell by cell, names and days mapped back."""
    folder, found, entries = sample
    monkeypatch.setattr("phenotype.pipeline.run.build_report", lambda folder, **_: folder / "report.html")
    for study, out in ((folder, "before"), (found.folder, "after")):
        run_study(study / "study.toml", tmp_path / out, jobs=2)
    names = {row["new"]: row["old"] for row in entries}
    names |= {Path(new).stem: Path(old).stem for new, old in names.items() if new.endswith(".fcs")}
    sheets = zip(table(found.folder / "samples.csv"), table(folder / "samples.csv"), strict=True)
    names |= {Path(new["file"]).stem: Path(old["file"]).stem for new, old in sheets}
    names |= {new: f"fcs/{old}" for new, old in ((f"{n}.fcs", f"{o}.fcs") for n, o in names.items() if "." not in n)}
    names = dict(sorted(names.items(), key=lambda pair: -len(pair[0])))
    days = {row["new"]: int(row["shift_days"]) for row in entries if row["kind"] == "patient"}

    for path in sorted((tmp_path / "before").glob("*.csv")):
        before, after = table(path), table(tmp_path / "after" / path.name)
        found_rows = [
            {column: mapped(cell, names, days.get(row.get("patient_id"), 0)) for column, cell in row.items()}
            for row in after
        ]
        if path.name == "failures.csv":
            # The file that is cut short has no copy: the run says that it is missing instead.
            assert [row["file"] for row in found_rows] == [row["file"] for row in before]
        else:
            if path.name == "review.csv":
                before, found_rows = (
                    [row for row in rows if row["status"] != "failed"] for rows in (before, found_rows)
                )
            key = str if path.name in {"quality.csv", "review.csv"} else (lambda _: 0)
            assert sorted(map(str, found_rows), key=key) == sorted(map(str, before), key=key), path.name


def test_the_day_of_acquisition_moves_alike_for_all_files(sample):
    """Three batches on three days, as far apart as before, on none of the true days."""
    folder, found, entries = sample
    files = [row for row in entries if row["kind"] == "file"]
    days = {}
    for row in files:
        new, old = read_fcs_metadata(found.folder / row["new"]), read_fcs_metadata(folder / row["old"])
        assert new.keywords["$BTIM"] == "00:00:00"
        assert [new.keywords.get(word) for word in ("$SPILLOVER", "SPILL")] == [
            old.keywords.get(word) for word in ("$SPILLOVER", "SPILL")
        ]
        days.setdefault(old.keywords["$DATE"], set()).add(new.keywords["$DATE"])

    moved = [date_found for each in days.values() for date_found in each]
    assert len(days) == len(moved) == len({*moved, *days}) - len(days) == 3


def test_the_same_key_gives_the_same_names_and_another_key_others(folder):
    """A second delivery must fit the first; whoever has not the key must not be able to make the names."""
    (folder / "a.fcs").write_bytes(fcs())
    root = folder.parent
    key = root / "own.key"

    first, second, other = (
        deidentify_folder(folder, root / out, key=used)
        for out, used in (("1", key), ("2", key), ("3", root / "other.key"))
    )

    names = [[path.name for path in found.folder.iterdir()] for found in (first, second, other)]
    assert names[0] == names[1] != names[2]
    assert (first.folder / names[0][0]).read_bytes() == (second.folder / names[1][0]).read_bytes()
    assert stat.S_IMODE(key.stat().st_mode) == stat.S_IMODE(first.mapping.stat().st_mode) == 0o600
    assert re.fullmatch("[0-9a-f]{64}\n", key.read_text())


def test_twins_stay_twins(folder):
    """A run refuses two rows with the same file; pseudonyms within the copies would hide that."""
    for name in ("a.fcs", "b.fcs"):
        (folder / name).write_bytes(fcs())
    (folder / "c.fcs").write_bytes(fcs({"$OP": "somebody else"}))

    found = deidentify_folder(folder, folder.parent / "out")

    raw = [path.read_bytes() for path in found.folder.iterdir()]
    assert (len(raw), len(set(raw))) == (3, 2)


def test_tubes_that_claim_to_be_one_still_do(folder):
    """A run warns of the same GUID, or the same $FIL, day and time; two tubes of a day with BD's $FIL are usual."""
    claim = {"$FIL": "Tube_001.fcs", "$DATE": "01-MAR-2024", "$BTIM": "10:00:00", "$ETIM": "10:01:00"}
    for number, keywords in enumerate([claim, claim, {**claim, "$BTIM": "10:00:30"}, {"GUID": "1"}, {"GUID": "1"}]):
        (folder / f"{number}.fcs").write_bytes(fcs({**keywords, "$OP": f"operator {number}"}))

    found = deidentify_folder(folder, folder.parent / "out")

    new = {row["old"]: read_fcs_metadata(found.folder / row["new"]).keywords for row in table(found.mapping)}
    first, again, other, one, two = (new[f"{number}.fcs"] for number in range(5))
    assert first["$FIL"] == again["$FIL"] != other["$FIL"]
    assert first["GUID"] != again["GUID"]
    assert one["GUID"] == two["GUID"] != "1"


def test_pseudonyms_have_neither_digits_nor_vowels():
    """They cannot hold a record number, a date or a name by chance."""
    words = {Pseudonyms(b"k" * 32).word("patient", f"P{number}") for number in range(1000)}

    assert len(words) == 1000
    assert all(re.fullmatch("[bcdfghjklmnpqrstvwxz]{12}", word) for word in words)


@pytest.mark.parametrize(
    ("form", "expected"),
    [("shifted", "28-FEB-2024"), ("year", "01-JAN-2024"), ("none", None)],
)
def test_dates_in_three_forms(form, expected):
    """Intervals, or the year as HIPAA's safe harbor has it, or nothing."""
    path_keywords = {"$DATE": "01-MAR-2024", "$BTIM": "22:59:30", "$ETIM": "23:01:00"}
    metadata = read_fcs_metadata_of(path_keywords)

    kept = safe_keywords(metadata, Dates(form, -2), {})

    assert kept.get("$DATE") == expected
    assert kept["DEIDENTIFIED"] == form
    assert (kept["$BTIM"], kept["$ETIM"]) == ("00:00:00", "00:01:30")


def read_fcs_metadata_of(keywords):
    """Return metadata with these keywords."""
    from gating import FCSMetadata

    return FCSMetadata("pt01.fcs", "FCS3.0", keywords, (), 3)


def test_every_keyword_that_decides_how_data_is_read_is_allowed():
    """A copy without its gain would have other values; the writer refuses that, the list must not cause it."""
    said = {"$BYTEORD": "1,2", "$DATATYPE": "I", "$P1B": "16", "$P1E": "4,1", "$P1G": "8", "$P1R": "1024"}
    said |= {"$P1DATATYPE": "I", "$P1N": "FL1-H", "$P1S": "CD3", "$TIMESTEP": "1e-3", "$P1V": "512.5"}

    assert safe_keywords(read_fcs_metadata_of(said), Dates(), {}) == said | {"DEIDENTIFIED": "shifted"}
    assert all(why for _, why in ALLOWED.values())


CLINICAL = """patient_id,patient_name,mrn,birth_date,infusion_date,prior_asct,last_asct_date,age,death_cause,consultant
MM-0815,Łucja Żółkiewska,4711-007,1950-03-01,2021-01-01,1,2020-06-01,93,fell at St. Mary's,Dr. Who
7,Jo,12345,1960-03-02,2021-02-01,0,,61,infection,Dr. No
"""


@pytest.fixture
def planted(folder):
    """Give a function that makes copies of one file with keywords, and checks them by a clinical sheet."""
    clinical = folder.parent / "clinical.csv"
    clinical.write_text(CLINICAL, encoding="utf-8")

    def check(keywords, **parts):
        (folder / "a.fcs").write_bytes(fcs(keywords, **parts))
        arguments = ["deidentify", str(folder), "--out", str(folder.parent / "out"), "--check", str(clinical)]
        return CliRunner().invoke(main, arguments)

    return check


@pytest.mark.parametrize(
    ("left", "column"),
    [
        ("MM-0815", "patient_id"),
        ("CD3 mm0815", "patient_id"),
        ("x4711-007x", "mrn"),
        ("4711_007", "mrn"),
        ("łucja żółkiewska", "patient_name"),
        ("ŻÓŁKIEWSKA", "patient_name"),
        ("01.03.1950", "birth_date"),
        ("19500301", "birth_date"),
        ("01-MAR-1950", "birth_date"),
    ],
)
def test_the_check_finds_what_is_left_in_the_name_of_a_marker(planted, folder, left, column):
    """Free text has to stay; what it holds is said by its place, never by itself, and no copy gets its name."""
    result = planted({"$P2S": left})

    assert result.exit_code == 2
    assert not (folder.parent / "out").exists()
    (copy,) = (folder.parent / "out.withheld").iterdir()
    offset, *_ = sorted(
        int(n) for n in re.findall(rf"{copy.name}: at byte (\d+): clinical.csv: row 2: {column}", result.output)
    )
    raw = copy.read_bytes()
    assert (
        raw[offset:].decode("utf-8", "replace").casefold().startswith(left.casefold().strip("x").removeprefix("cd3 "))
    )
    assert left.casefold() not in result.output.casefold()
    assert "Łucja" not in result.output


@pytest.mark.parametrize("code", ["utf-8", "latin-1", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("at", [0, 1, BLOCK_BYTES - 3, BLOCK_BYTES + 1, 2 * BLOCK_BYTES - 13])
def test_the_search_finds_every_encoding_at_every_place(tmp_path, code, at):
    """Also across the seam of two blocks, and at the very begin and end of a file."""
    word = "Günther".encode(code)
    (tmp_path / "a.bin").write_bytes(b"." * at + word)
    (tmp_path / "b.bin").write_bytes(b"." * at + word.upper() + b"tail")
    row = Row(2, {"patient_id": "günther"})

    hits, _ = read_hits(tmp_path, identifiers_of([Table("c.csv", ("patient_id",), (row,))]))

    assert {(hit.file, hit.offset) for hit in hits} == {("a.bin", at), ("b.bin", at)}


def test_the_search_looks_at_file_names(tmp_path):
    """They travel farther than the files."""
    (tmp_path / "mm0815.fcs").write_bytes(b"")
    row = Row(2, {"patient_id": "MM-0815"})

    hits, _ = read_hits(tmp_path, identifiers_of([Table("c.csv", ("patient_id",), (row,))]))

    assert [str(hit) for hit in hits] == ["mm0815.fcs: in its name: c.csv: row 2: patient_id"]


def test_numbers_of_the_file_are_no_record_numbers(tmp_path):
    """An offset, or six of the decimals of a spillover, are what they are; a number on its own is not."""
    numbers = b"FCS3.1          58  123456/$TOT/123456/SPILL/2,A,B,1,0.00123456,0,1/$P1N/7123456/X/00123456/"
    (tmp_path / "a.fcs").write_bytes(numbers)
    row = Row(2, {"mrn": "123456"})

    hits, _ = read_hits(tmp_path, identifiers_of([Table("c.csv", ("mrn",), (row,))]))

    assert [hit.offset for hit in hits] == [numbers.rindex(b"123456")]


def test_short_identifiers_are_said_not_searched_for(planted):
    """A patient named 7 is in every file; that no one looked must be seen."""
    result = planted({})

    assert result.exit_code == 1
    assert "clinical.csv: patient_id: 1" in result.output
    assert "clinical.csv: patient_name: 1" in result.output
    assert "clinical.csv: mrn: 1" in result.output


def test_four_bytes_within_events_are_chance(planted):
    """They cannot be taken out, and in 4 GB of events any four bytes are there."""
    short = planted({}, data=b"mm0815" + bytes(18))

    assert short.exit_code == 2

    found, chance = None, None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("phenotype.deidentify.search.LEAST_IN_DATA", 99)
        folder = Path(str(short.stderr).split("withheld in ")[1].strip())
        (copy,) = folder.iterdir()
        with open_fcs(copy) as file:
            extent = file.layout.begin, file.layout.end
        row = Row(2, {"patient_id": "MM-0815"})
        sought = identifiers_of([Table("c.csv", ("patient_id",), (row,))])
        found, chance = read_hits(folder, sought, lambda _: extent)

    assert (found, chance) == ((), 1)


def clinical_table():
    """Return the clinical sheet as read."""
    header, *lines = csv.reader(CLINICAL.splitlines())
    rows = tuple(Row(n, dict(zip(header, line, strict=True))) for n, line in enumerate(lines, start=2))
    return Table("clinical.csv", tuple(header), rows)


def test_the_clinical_sheet_keeps_intervals_and_known_columns():
    """Every patient is infused on the same day; names, birthdays and a consultant's name are gone."""
    sheet = clinical_table()
    days = shifts(sheet, "infusion_date")

    copy = clinical_sheet(sheet, {"MM-0815": "a", "7": "b"}, days)

    assert copy.columns == ("patient_id", "infusion_date", "prior_asct", "last_asct_date", "age", "death_cause")
    assert copy.dropped == ("patient_name", "mrn", "birth_date", "consultant")
    assert [tuple(row[column] for column in copy.columns) for row in copy.rows] == [
        ("a", "2000-01-01", "1", "1999-06-01", "90", "other"),
        ("b", "2000-01-01", "0", "", "61", "infection"),
    ]


def test_a_column_of_the_lab_is_kept_if_it_is_asked_for_and_names_nobody():
    """The allow-list cannot know every covariate; a name is not kept even then."""
    sheet = clinical_table()
    days, patients = shifts(sheet, "infusion_date"), {"MM-0815": "a", "7": "b"}

    assert "consultant" in clinical_sheet(sheet, patients, days, ["Consultant"]).columns
    with pytest.raises(DeidentifyError, match="column 'mrn' names a person"):
        clinical_sheet(sheet, patients, days, ["mrn"])


def test_a_study_is_carried_over_with_all_its_settings(study, change):
    """Matrix, other names of markers and limits change numbers; the name of the study does not, and may identify."""
    change(study, 'name = "Six invented patients"', 'name = "Kowalski and five others"  # Kowalski')
    change(study, 'source = "file"', 'source = "Kowalski.csv"')
    study.write_text(study.read_text() + '\n[markers]\n"CD3" = ["CD3 \\"e\\"", "µ"]\n[quality]\nmin_viability = 0.5\n')
    study.write_text(study.read_text() + '[about]\norganisation = "Kowalski Institute"\n')
    (study.parent / "Kowalski.csv").write_text("BV421-A,BV510-A\n1,0.1\n0.1,1\n")

    found = deidentify_folder(study.parent, study.parent.parent / "copy")

    from phenotype.study import read_study

    new, old = read_study(found.folder / "study.toml"), read_study(study)
    assert new.name.startswith("De-identified study ")
    assert (new.markers, new.quality, new.asct) == (old.markers, old.quality, old.asct)
    assert new.compensation == found.folder / "matrix.csv"
    assert holds(found.folder, NAME) == []


def test_the_clinical_sheet_of_the_study_is_checked_without_asking(study, change):
    """Whoever forgets --check is the one who needs it."""
    change(study.parent / "clinical.csv", "patient_id,", "surname,patient_id,")
    text = (study.parent / "clinical.csv").read_text().replace("\nP", "\nKowalski,P")
    (study.parent / "clinical.csv").write_text(text)
    path = study.parent / "fcs" / "P1.fcs"
    path.write_bytes(path.read_bytes().replace(b"/CD45RA/", b"/Kowals/").replace(b"/CD62L/", b"/kiCD62L/"))
    (study.parent / "fcs" / "P2.fcs").write_bytes(fcs({"$P2S": "stained by kowalski"}))

    found = deidentify_folder(study.parent, study.parent.parent / "copy")

    assert found.status == 2
    assert {hit.source.split(": ")[2] for hit in found.hits} == {"surname"}


@pytest.mark.parametrize(
    ("out", "key", "said"),
    [
        ("full", "own.key", "is there and not empty"),
        ("in/out", "own.key", "one folder lies in the other"),
        (".", "own.key", "one folder lies in the other"),
        ("out", "out/own.key", "the key would lie among the copies"),
        ("out", "link/own.key", "the key would lie among the copies"),
        ("out", "nowhere/own.key", "there is no folder"),
        ("out", "no.key", "is no key of this program"),
        ("again", "own.key", "is there from an earlier run"),
        ("file", "own.key", "is there and not empty"),
    ],
)
def test_places_where_it_would_do_harm_are_refused(folder, out, key, said):
    """Nothing is overwritten, no key is given away, and nothing is made."""
    root = folder.parent
    (folder / "a.fcs").write_bytes(fcs())
    (root / "full").mkdir()
    (root / "full" / "mine").write_text("mine")
    (root / "file").write_text("mine")
    (root / "no.key").write_text("secret\n")
    (root / "again.mapping.csv").write_text("mine")
    (root / "out").mkdir()
    (root / "link").symlink_to(root / "out")
    before = sorted(root.rglob("*"))

    with pytest.raises(DeidentifyError, match=said):
        deidentify_folder(folder, root / out, key=root / key)

    assert sorted(root.rglob("*")) == before
    assert (root / "full" / "mine").read_text() == (root / "again.mapping.csv").read_text() == "mine"


def test_a_full_disk_leaves_nothing(folder, monkeypatch):
    """A folder with half of the copies would be taken for all of them."""
    (folder / "a.fcs").write_bytes(fcs())
    (folder / "b.fcs").write_bytes(fcs())

    def full(path, *_):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("phenotype.deidentify.folder.write_fcs_copy", full)

    with pytest.raises(DeidentifyError, match="No space left on device; nothing was made"):
        deidentify_folder(folder, folder.parent / "out")
    assert sorted(path.name for path in folder.parent.iterdir()) == ["in", "out.key"]


def test_links_are_followed_pipes_are_not_opened_and_results_are_left(folder):
    """A sheet of links is usual, a pipe would wait for ever, and the exports of a run are no one's data."""
    elsewhere = folder.parent / "elsewhere.fcs"
    elsewhere.write_bytes(fcs())
    (folder / "link.fcs").symlink_to(elsewhere)
    (folder / "dangling.fcs").symlink_to(folder / "nothing")
    os.mkfifo(folder / "pipe.fcs")
    os.mkfifo(folder / "pipe")
    (folder / "Data.001").write_bytes(fcs({"$P1N": "SSC-A"}))
    (folder / "notes.txt").write_text("FCS are fine")
    (folder / "all").symlink_to(folder.parent)
    (folder / "results" / "export").mkdir(parents=True)
    (folder / "results" / "run.json").write_text("{}")
    (folder / "results" / "export" / "a.fcs").write_bytes(fcs())

    found = deidentify_folder(folder, folder.parent / "out")

    assert sorted(read_fcs_metadata(path).channels[0].name for path in found.folder.iterdir()) == ["FSC-A", "SSC-A"]
    assert [failure.partition(":")[0] for failure in found.failures] == ["dangling.fcs", "pipe.fcs"]
    assert found.others == ("all/", "notes.txt", "pipe", "results/")


def test_a_sheet_may_name_datasets(folder):
    """Each dataset is a file of its own in the copy, and the row that meant it leads to it."""
    raw = two_datasets({"$SMNO": "one"}, {"$SMNO": "two", "$P1N": "SSC-A"})
    (folder / "plate.lmd").write_bytes(raw)
    (folder / "single.fcs").write_bytes(fcs())
    rows = "plate.lmd,two,P-001,product\nplate.lmd,1,P-002,product\nsingle.fcs,1,P-003,product\n"
    (folder / "samples.csv").write_text(f"file,dataset,patient_id,role\n{rows}")

    found = deidentify_folder(folder, folder.parent / "out")

    sheet = table(found.folder / "samples.csv")
    assert found.written == 3
    assert [read_fcs(found.folder / row["file"]).channels[0].name for row in sheet] == ["SSC-A", "FSC-A", "FSC-A"]
    assert "dataset" not in sheet[0]


def test_a_beckman_pair_becomes_the_dataset_that_is_read(folder):
    """The events are there twice; the copy has those that a run gates, with the names of markers of the other."""
    first = fcs({"$CYT": "Navios"}).replace(b"FCS3.1", b"FCS2.0")
    first = fcs({"$CYT": "Navios"}, size=len(first)).replace(b"FCS3.1", b"FCS2.0")
    (folder / "a.lmd").write_bytes(first + fcs({"$P1S": "CD45", "$P2S": ""}).replace(b"/$P2S/", b"/$P2S/ "))

    found = deidentify_folder(folder, folder.parent / "out")

    (copy,) = found.folder.iterdir()
    assert [channel.marker for channel in read_fcs(copy).channels] == ["CD45", "CD3"]


def test_nothing_that_can_be_copied_is_status_2(folder):
    """Nothing was done, and nothing is there."""
    (folder / "a.fcs").write_bytes(fcs()[:-4])

    result = CliRunner().invoke(main, ["deidentify", str(folder), "--out", str(folder.parent / "out")])

    assert result.exit_code == 2
    assert "a.fcs: DATA is" in result.stderr
    assert not (folder.parent / "out").exists()


def test_a_table_without_identifiers_is_no_check(folder):
    """It would let everything pass, and look like a check."""
    (folder / "a.fcs").write_bytes(fcs())
    (folder.parent / "clinical.csv").write_text("pacjent,crs_grade\nKowalski,2\n")

    with pytest.raises(DeidentifyError, match=r"clinical\.csv: no column with identifiers"):
        deidentify_folder(folder, folder.parent / "out", checks=[folder.parent / "clinical.csv"])


def test_reference_cuts_go_with_their_samples_and_without_their_names(study, change, tmp_path):
    """The copy is gated as the original is; who placed a cut is a person too."""
    change(study.parent / "gating.csv", "quadrant=++;", "quadrant=++; x=valley > reference;")
    (study.parent / "reference_gates.csv").write_text(
        "sample_id,population,marker,threshold,who,why\nP1,CD4+ T,CD62L,1234.5,Ann Example,she knows P1\n"
    )
    study.write_text(study.read_text() + '[reference]\ngates = "reference_gates.csv"\n')

    found = deidentify_folder(study.parent, tmp_path / "copy")

    (row,) = table(found.folder / "reference_gates.csv")
    files = {one["file"] for one in table(found.folder / "samples.csv")}
    assert row["file"] in files
    assert (row["population"], row["marker"], row["threshold"], row["who"]) == ("CD4+ T", "CD62L", "1234.5", "a person")
    assert 'gates = "reference_gates.csv"' in (found.folder / "study.toml").read_text()
