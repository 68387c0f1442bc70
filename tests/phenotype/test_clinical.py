"""The clinical sheet: what is refused, what is noted, and the group that follows from the dates."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from phenotype.clinical import AsctGroup, Clinical, asct_group, derive_groups, read_clinical
from phenotype.errors import StudyError
from phenotype.study import Study, read_study

INFUSION = date(2024, 3, 1)
HEADER = "patient_id,infusion_date,prior_asct,last_asct_date"


def study_with(folder: Path, rows: str, header: str = HEADER, asct: str = "") -> Study:
    """Write a study with these patients."""
    (folder / "clinical.csv").write_text(f"{header}\n{rows}", encoding="utf-8")
    files = '[study]\nname = "x"\nsamples = "s.csv"\nclinical = "clinical.csv"\ntemplate = "g.csv"\n'
    (folder / "study.toml").write_text(f"{files}[asct]\n{asct}", encoding="utf-8")
    return read_study(folder / "study.toml")


def read(folder: Path, rows: str, header: str = HEADER, asct: str = "") -> Clinical:
    """Read these patients."""
    return read_clinical(study_with(folder, rows, header, asct))


def groups(folder: Path, rows: str, header: str = HEADER, asct: str = "") -> pd.DataFrame:
    """Read these patients and derive their groups."""
    study = study_with(folder, rows, header, asct)
    return derive_groups(read_clinical(study), study)


def faults(folder: Path, rows: str, header: str = HEADER, asct: str = "") -> tuple[str, ...]:
    """Return the faults of these patients, without the file's name."""
    with pytest.raises(StudyError) as caught:
        read(folder, rows, header, asct)
    assert all(fault.startswith("clinical.csv: ") for fault in caught.value.faults)
    return tuple(fault.removeprefix("clinical.csv: ") for fault in caught.value.faults)


# The rule of the groups


@given(st.integers(0, 20_000), st.integers(1, 3000))
def test_the_boundary_is_the_day(days, within_days):
    """The study's question hangs on this line: day within_days is still within, the next is over."""
    found = asct_group(1, [INFUSION - timedelta(days)], INFUSION, within_days)

    assert found == AsctGroup("within_1y" if days <= within_days else "over_1y", days)


@given(st.lists(st.integers(-500, 3000), max_size=4), st.sampled_from([0, 1, None]))
def test_the_order_of_dates_does_not_matter(ages, prior):
    """Dates come from columns, and columns can be moved."""
    dates = [INFUSION - timedelta(age) for age in ages]

    assert asct_group(prior, dates, INFUSION) == asct_group(prior, dates[::-1], INFUSION)


def test_by_hand():
    """2024 is a leap year: from 2 March 2023 to 1 March 2024 are 365 days."""
    assert asct_group(1, [date(2023, 3, 2)], INFUSION) == AsctGroup("within_1y", 365)
    assert asct_group(1, [date(2023, 3, 1)], INFUSION) == AsctGroup("over_1y", 366)
    assert asct_group(1, [INFUSION], INFUSION) == AsctGroup("within_1y", 0)
    assert asct_group(0, [], INFUSION) == AsctGroup("none")


def test_of_a_tandem_transplant_the_last_counts():
    """T cells are set back by each transplant, so the interval starts at the last."""
    assert asct_group(1, [date(2020, 1, 1), date(2023, 12, 1)], INFUSION) == AsctGroup("within_1y", 91)


def test_a_transplant_after_the_reference_does_not_count():
    """It cannot have changed cells that had left the patient; the reader is told."""
    later = date(2024, 6, 1)

    found = asct_group(1, [date(2020, 3, 1), later], INFUSION)
    assert (found.group, found.days) == ("over_1y", 1461)
    assert found.note == "a transplant after the reference date 2024-03-01 does not count (2024-06-01)"
    only = asct_group(1, [later], INFUSION)
    assert only == AsctGroup("none", None, "transplanted only after the reference date 2024-03-01 (2024-06-01)")


def test_what_is_not_known_is_not_guessed():
    """A patient of unknown group belongs to no group: "none" would dilute the very comparison."""
    assert asct_group(1, [], INFUSION).group == "unknown_time"
    nothing = asct_group(None, [], INFUSION)
    assert nothing == AsctGroup("", None, "prior_asct is empty and there is no transplant date")
    assert asct_group(None, [date(2024, 6, 1)], INFUSION).group == ""
    dated = asct_group(None, [date(2023, 12, 1)], INFUSION)
    assert dated == AsctGroup("within_1y", 91, "prior_asct is empty; transplanted by its date")


def test_a_contradiction_is_noted():
    """The sheet refuses it; the function, called by anyone, at least says so."""
    assert "prior_asct is 0, with a transplant date" in asct_group(0, [date(2023, 1, 1)], INFUSION).note


# The derived columns


def test_groups_stand_at_the_end_of_the_table(tmp_path):
    """cohort.csv is the sheet as people know it, and then what was derived."""
    table = groups(
        tmp_path, "A,2024-03-01,1,2023-03-02\nB,2024-03-01,1,2023-03-01\nC,2024-03-01,0,\nD,2024-03-01,1,NA\n"
    )

    assert list(table.columns) == [
        "patient_id", "infusion_date", "prior_asct", "last_asct_date",
        "asct_group", "days_from_asct", "months_from_asct", "asct_note",
    ]  # fmt: skip
    assert list(table["asct_group"]) == ["within_1y", "over_1y", "none", "unknown_time"]
    assert table["days_from_asct"].dtype == "Int64"
    assert list(table["days_from_asct"][:2]) == [365, 366]
    assert table["months_from_asct"][0] == 365 / 30.4375
    assert table["months_from_asct"][2:].isna().all()


def test_the_study_sets_reference_and_limit(tmp_path):
    """The same patient is in another group from apheresis, two months earlier."""
    header = "patient_id,apheresis_date,infusion_date,prior_asct,last_asct_date"
    row = "A,2024-01-01,2024-03-01,1,2023-02-01\n"

    assert groups(tmp_path, row, header)["asct_group"][0] == "over_1y"
    assert groups(tmp_path, row, header, 'reference = "apheresis"')["asct_group"][0] == "within_1y"
    assert groups(tmp_path, row, header, "within_days = 394")["asct_group"][0] == "within_1y"
    assert groups(tmp_path, row, header, "within_days = 393")["asct_group"][0] == "over_1y"


def test_every_transplant_column_is_looked_at(tmp_path):
    """Sheets have first, last, second and third."""
    header = "patient_id,infusion_date,prior_asct,first_asct_date,last_asct_date,asct_date_3"

    table = groups(tmp_path, "A,2024-03-01,1,2019-01-01,2020-01-01,2023-12-01\n", header)

    assert list(table["days_from_asct"]) == [91]


def test_a_typed_group_is_compared_and_replaced(tmp_path):
    """Typed by hand, a group is someone's arithmetic; where it differs, both are told."""
    rows = "A,2024-03-01,1,2023-12-01,within_1y\nB,2024-03-01,1,2023-12-01,gt1y\nC,2024-03-01,1,2023-12-01,le1y\n"
    study = study_with(tmp_path, rows, HEADER + ",asct_group")
    clinical = read_clinical(study)

    table = derive_groups(clinical, study)

    note = "the sheet's asct_group is 'gt1y', by dates it is 'within_1y'"
    assert list(table["asct_group"]) == ["within_1y"] * 3
    assert list(table["asct_note"]) == ["", note, ""]
    assert clinical.notes == (f"clinical.csv: patient 'B': {note}",)


def test_a_transplant_after_infusion_is_noted(tmp_path):
    """The note reaches the report, with the patient."""
    (note,) = read(tmp_path, "A,2024-03-01,1,2024-06-01\n").notes

    assert note.startswith("clinical.csv: patient 'A': transplanted only after the reference date 2024-03-01")


# What is refused


def test_one_sheet_with_ten_faults_reports_ten(tmp_path):
    """Someone fills this in once a year: they get one list, in the order of the rows."""
    header = (
        "patient_id,apheresis_date,infusion_date,prior_asct,last_asct_date,best_response,progression_date,death_date,"
        "crs_grade,hb_g_l_d30,sex"
    )
    rows = (
        "P1,,03/04/2024,0,,CR,,,0,98,F\n"
        "P2,,2023-02-30,0,,CR,,,0,98,F\n"
        "P3,,,0,,CR,,,0,98,F\n"
        "P4,,2024-03-01,yes,,CR,,,0,98,F\n"
        "P5,,2024-03-01,0,2022-01-01,CR,,,0,98,F\n"
        "P6,,2024-03-01,0,,Cr,,,0,98,F\n"
        "P7,,2024-03-01,0,,CR,2024-09-01,2024-08-01,0,98,F\n"
        "P8,2024-04-01,2024-03-01,0,,CR,,,0,98,F\n"
        'P9,,2024-03-01,0,,CR,,,6,"9,8",F\n'
    )

    assert faults(tmp_path, rows, header) == (
        "row 2: infusion_date is '03/04/2024'; it could be 3 April or 4 March: write YYYY-MM-DD",
        "row 3: infusion_date is '2023-02-30'; there is no such day",
        "row 4: infusion_date is ''; it is the reference of [asct] in study.toml, so each patient needs it",
        "row 5: prior_asct is 'yes'; write 1 for yes, 0 for no, or leave it empty",
        "row 6: prior_asct is '0', and last_asct_date is '2022-01-01'; write 1, or remove the date",
        "row 7: best_response is 'Cr'; did you mean 'CR'? Known: sCR, CR, VGPR, PR, MR, SD, PD, NE",
        "row 8: death_date is '2024-08-01', before progression_date '2024-09-01'; one of them is wrong",
        "row 9: infusion_date is '2024-03-01', before apheresis_date '2024-04-01'; one of them is wrong",
        "row 10: crs_grade is '6'; a grade is 0 to 5",
        "row 10: hb_g_l_d30 is '9,8'; write the decimal point as a point, 9.8, and no sign between thousands",
    )


@pytest.mark.parametrize("column", ["response_date", "progression_date", "death_date", "last_contact_date"])
def test_nothing_happens_before_infusion(tmp_path, column):
    """A negative time would be dropped, or worse used, by every survival analysis."""
    (found,) = faults(tmp_path, "A,2024-03-01,0,,2024-02-29\n", f"{HEADER},{column}")

    assert found == f"row 2: {column} is '2024-02-29', before infusion_date '2024-03-01'; one of them is wrong"


def test_the_same_day_is_possible(tmp_path):
    """Progression and death can be one day; a patient may be lost on the day of infusion."""
    header = HEADER + ",progression_date,death_date,last_contact_date,apheresis_date"

    assert len(read(tmp_path, "A,2024-03-01,0,,2024-03-01,2024-03-01,2024-03-01,2024-03-01\n", header).table) == 1


@pytest.mark.parametrize("column", ["response_date", "progression_date"])
def test_nothing_is_seen_after_the_last_contact(tmp_path, column):
    """Time from response to last contact would be negative; a patient who died was seen until then."""
    header = f"{HEADER},{column},last_contact_date,death_date"
    found = faults(tmp_path, "A,2024-03-01,0,,2024-05-01,2024-04-01,\n", header)

    assert found == (f"row 2: {column} is '2024-05-01', after last_contact_date '2024-04-01'",)
    assert len(read(tmp_path, "A,2024-03-01,0,,2024-05-01,2024-04-01,2024-06-01\n", header).table) == 1


def test_a_death_has_a_date(tmp_path):
    """A patient with a cause of death and no date would be followed as alive."""
    header = f"{HEADER},death_cause,crs_grade"
    found = faults(tmp_path, "A,2024-03-01,0,,infection,\nB,2024-03-01,0,,,5\nC,2024-03-01,0,,alive,2\n", header)

    assert found == (
        "row 2: death_cause is 'infection', without a death_date; write the date, or leave the cause empty",
        "row 3: crs_grade is '5', a death, without a death_date",
    )


def test_a_patient_is_there_once(tmp_path):
    """Two rows would count a patient twice; the cells that differ say which row is right."""
    found = faults(tmp_path, "A,2024-03-01,0,\nA,2024-03-02,0,\nA,2024-03-01,0,\n,2024-03-01,0,\n")

    assert found == (
        "row 3: patient_id 'A' is in row 2 already; keep the right one: infusion_date is '2024-03-01' and '2024-03-02'",
        "row 4: patient_id 'A' is in row 2 already; they are equal: keep one",
        "row 5: patient_id is ''; every row is a patient",
    )


@pytest.mark.parametrize(
    ("header", "asct", "message"),
    [
        ("patient,infusion_date,prior_asct", "", "no column 'patient_id'; did you mean 'patient'"),
        ("patient_id,infusion date,prior_asct", "", "no column 'infusion_date'; did you mean 'infusion date'"),
        ("patient_id,infusion_date,asct", "", "no column 'prior_asct'"),
        ("patient_id,infusion_date,prior_asct", 'reference = "apheresis"', "no column 'apheresis_date'"),
    ],
)
def test_a_missing_column_is_named(tmp_path, header, asct, message):
    """Without these three there is no group."""
    assert faults(tmp_path, "A,2024-03-01,0\n", header, asct)[0].startswith(message)


def test_apheresis_is_needed_where_it_is_the_reference(tmp_path):
    """And infusion is then not."""
    header = "patient_id,apheresis_date,infusion_date,prior_asct"

    assert faults(tmp_path, "A,,2024-03-01,0\n", header, 'reference = "apheresis"')[0].startswith(
        "row 2: apheresis_date is ''; it is the reference"
    )
    assert len(read(tmp_path, "A,2024-03-01,,0\n", header, 'reference = "apheresis"').table) == 1


def test_an_empty_sheet_is_a_fault(tmp_path):
    """That is how the sheet is after `phenotype init`."""
    assert faults(tmp_path, "") == ("no patients; fill in a row for each",)


@pytest.mark.parametrize("sign", ["-", "n/a", "unk", ".", "na", "?", "#N/A"])
@pytest.mark.parametrize("column", ["last_asct_date", "crs_grade", "hb_g_l_d30", "best_response", "sex", "prior_asct"])
def test_only_empty_and_na_are_missing(tmp_path, sign, column):
    """Every other sign is someone's private code, and one of them means "not asked"."""
    cells = {"patient_id": "A", "infusion_date": "2024-03-01", "prior_asct": "0", column: sign}

    (found,) = faults(tmp_path, ",".join(cells.values()) + "\n", ",".join(cells))

    assert found.startswith(f"row 2: {column} is {sign!r}; ")


def test_999_is_no_date(tmp_path):
    """The code of many registries for "not known"."""
    assert "last_asct_date is '999'; write YYYY-MM-DD" in faults(tmp_path, "A,2024-03-01,1,999\n")[0]


def test_other_date_columns_are_read_strictly_too(tmp_path):
    """A lab's own date is used by someone later."""
    assert "relapse_date is '1.2.24'" in faults(tmp_path, "A,2024-03-01,0,,1.2.24\n", HEADER + ",relapse_date")[0]


# What is kept


def test_values_have_their_type(tmp_path):
    """cohort.csv shows dates and identifiers as typed, and statistics get numbers."""
    header = HEADER + ",extramedullary_disease,icans_grade,anc_1e9_l_d30,age,dose,trial,best_response"
    rows = "007,2024-03-01,1,2023-03-01,1,0,1,61,2.5,01,CR\n8,2024-03-01,0,,NA,,,,NA,02,\n"

    table = read(tmp_path, rows, header).table

    assert list(table["patient_id"]) == ["007", "8"]
    assert list(table["infusion_date"]) == ["2024-03-01", "2024-03-01"]
    assert table["best_response"].isna().tolist() == [False, True]
    types = {column: str(table[column].dtype) for column in table.columns}
    assert {types[c] for c in ("prior_asct", "extramedullary_disease", "icans_grade", "age")} == {"Int64"}
    assert {types[c] for c in ("anc_1e9_l_d30", "dose")} == {"float64"}
    assert list(table["trial"]) == ["01", "02"]
    text = table.to_csv(index=False).splitlines()
    assert text[1] == "007,2024-03-01,1,2023-03-01,1,0,1.0,61,2.5,01,CR"
    assert text[2] == "8,2024-03-01,0,,,,,,,02,"


@pytest.mark.parametrize("column", ["Name", "Patient name", "DOB", "date_of_birth", "MRN", "hospital_mrn", "surname"])
def test_what_names_a_person_is_not_read(tmp_path, column):
    """Results are mailed around; the note names the column and never what is in it."""
    clinical = read(tmp_path, "A,2024-03-01,0,,Smith 03/04/1950\n", f"{HEADER},{column}")

    assert list(clinical.table.columns) == HEADER.split(",")
    assert clinical.notes == (f"clinical.csv: column {column.casefold()!r} could identify a person; it was not read",)


def test_columns_that_the_run_fills_are_not_read(tmp_path):
    """A sheet that was made from cohort.csv must not collide with it."""
    clinical = read(tmp_path, "A,2024-03-01,0,,0.3,5\n", HEADER + ",naive,days_from_asct")

    assert list(clinical.table.columns) == HEADER.split(",")
    assert "column 'naive' is derived by the run; it was not read" in clinical.notes[0]


def test_a_cohort_of_an_earlier_run_can_be_the_sheet(tmp_path):
    """Its derived columns, peaks among them, are derived anew; two of one name would stop the run."""
    found = read(tmp_path, "A,2024-03-01,0,,80,12\n", f"{HEADER},cart_pct_of_t_cmax,pfs_months")

    assert not {"cart_pct_of_t_cmax", "pfs_months"} & set(found.table.columns)
    assert "column 'cart_pct_of_t_cmax' is derived by the run; it was not read" in found.notes[0]


def test_a_peak_is_no_covariate_of_a_study_without_kinetics(tmp_path):
    """It would be left out of the models, and nobody told."""
    study = study_with(tmp_path, "A,2024-03-01,0,\n")
    text = study.path.read_text(encoding="utf-8") + '[analyses]\ncovariates = "cart_pct_of_t_cmax"\n'
    study.path.write_text(text, encoding="utf-8")

    with pytest.raises(StudyError, match="no covariate 'cart_pct_of_t_cmax'"):
        read_clinical(read_study(study.path))
    study.path.write_text(text.replace("[asct]", 'kinetics = "k.csv"\n[asct]'), encoding="utf-8")
    assert len(read_clinical(read_study(study.path)).table) == 1


def test_a_column_that_is_almost_known_is_noted(tmp_path):
    """A misspelt death_date would lose every death."""
    (note,) = read(tmp_path, "A,2024-03-01,0,,2025-01-01\n", HEADER + ",deaths_date").notes

    assert note == (
        "clinical.csv: column 'deaths_date' is not known and kept as a covariate; did you mean 'death_date'?"
    )


@pytest.mark.parametrize("written", ["last_astc_date", "lastasct_dat", "first_asct_dat"])
def test_a_transplant_date_that_is_almost_known_is_refused(tmp_path, written):
    """Without the second transplant of a tandem a patient is in another group, and every cell looks right."""
    (fault,) = faults(
        tmp_path, "A,2024-03-01,1,2020-01-01,2023-12-01\n", f"{HEADER.replace('last', 'other')},{written}"
    )

    assert fault.startswith(f"column {written!r} looks like ")
    assert fault.endswith("which is not there; name it so, or less alike")


def test_transplanted_patients_need_a_column_of_dates(tmp_path):
    """Else all of them would be of unknown time, each with a note of her own."""
    header = "patient_id,infusion_date,prior_asct"

    (fault,) = faults(tmp_path, "A,2024-03-01,1\n", header)

    assert fault.startswith("no column 'last_asct_date'")
    assert list(groups(tmp_path, "A,2024-03-01,0\n", header)["asct_group"]) == ["none"]


def test_another_transplant_does_not_count_and_is_noted(tmp_path):
    """An allogeneic one must not count; an autologous one under another name should not be lost."""
    (note,) = read(tmp_path, "A,2024-03-01,1,2020-01-01,2023-12-01\n", HEADER + ",transplant_2_date").notes

    assert note == (
        "clinical.csv: column 'transplant_2_date' does not count as an autologous transplant; if it is one, write "
        "'asct' in its name"
    )


def test_the_first_transplant_is_not_after_the_last(tmp_path):
    """One of the two is wrong, and the group rests on them."""
    (fault,) = faults(tmp_path, "A,2024-03-01,1,2022-01-01,2023-12-01\n", HEADER + ",first_asct_date")

    assert fault == ("row 2: last_asct_date is '2022-01-01', before first_asct_date '2023-12-01'; one of them is wrong")


@pytest.mark.parametrize(
    ("column", "cell", "limits"),
    [
        ("hb_g_l_d30", "12.7", "20 and 250"),
        ("anc_1e9_l_d30", "1740", "0 and 100"),
        ("plt_1e9_l_d30", "51000", "0 and 3000"),
    ],
)
def test_a_value_in_another_unit_is_refused(tmp_path, column, cell, limits):
    """12.7 g/dL read as g/L is a patient with fatal anaemia; the column's name says the unit."""
    assert faults(tmp_path, f"A,2024-03-01,0,,{cell}\n", f"{HEADER},{column}") == (
        f"row 2: {column} is {cell!r}; it must be within {limits}",
    )


def test_a_covariate_with_decimal_commas_is_noted(tmp_path):
    """A whole column of them is text without a single number, and no typing error that stands out."""
    clinical = read(tmp_path, 'A,2024-03-01,0,,"3,08"\nB,2024-03-01,0,,"2,09"\n', HEADER + ",dose")

    assert clinical.notes == ("clinical.csv: column 'dose' is text, since '3,08' is no number",)


def test_a_number_column_with_a_word_is_noted(tmp_path):
    """A typing error turns an age into text; the analysis that misses it should be no riddle."""
    clinical = read(tmp_path, "A,2024-03-01,0,,60\nB,2024-03-01,0,,6o\nC,2024-03-01,0,,62\n", HEADER + ",age")

    assert clinical.notes == ("clinical.csv: column 'age' is text, since '6o' is no number",)


def test_a_workbook_with_its_sheet(tmp_path):
    """Where most clinical sheets come from; the dates are real dates there."""
    study_with(tmp_path, "")
    text = (tmp_path / "study.toml").read_text().replace('"clinical.csv"', '"c.xlsx"\nsheet = "Patients"')
    (tmp_path / "study.toml").write_text(text)
    with xlsxwriter.Workbook(tmp_path / "c.xlsx", {"default_date_format": "dd.mm.yyyy"}) as book:
        book.add_worksheet("Notes").write(0, 0, "x")
        sheet = book.add_worksheet("Patients")
        sheet.write_row(0, 0, HEADER.split(","))
        sheet.write_row(1, 0, ["A", datetime(2024, 3, 1), 1, datetime(2023, 12, 1)])
        sheet.write_row(2, 0, ["B", datetime(2024, 3, 1), 2])
    study = read_study(tmp_path / "study.toml")

    with pytest.raises(StudyError, match=r"c.xlsx: sheet 'Patients': row 3: prior_asct is '2'; write 1 for yes"):
        read_clinical(study)


def test_the_synthetic_cohort(tmp_path, shared):
    """141 patients with typed groups: 85 without transplant, 44 over and 12 within a year, as published."""
    sheet = pd.read_csv(shared / "cohort" / "cohort_synthetic.csv", dtype=str, keep_default_na=False)

    table = groups(tmp_path, sheet.to_csv(index=False, header=False), ",".join(sheet.columns))

    assert table["asct_group"].value_counts().to_dict() == {"none": 85, "over_1y": 44, "within_1y": 12}
    assert (table["asct_note"] == "").all()
