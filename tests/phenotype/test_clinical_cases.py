"""Clinical sheets as people have them, case by case: each with the words that an analyst reads."""

import pytest

from phenotype.analyses import cohort_of, estimate
from phenotype.clinical import derive_groups, read_clinical
from phenotype.errors import StudyError
from phenotype.fractions import read_fractions
from phenotype.pipeline import analyse_study
from phenotype.study import read_study

FULL = "patient_id,infusion_date,prior_asct,last_asct_date,best_response,progression_date,death_date,last_contact_date"
GOOD = "".join(
    f"P{i},2024-03-01,{int(i > 6)},{'2023-06-01' if i > 6 else ''},{'CR' if i % 2 else 'PR'},,,2024-1{i % 3}-01\n"
    for i in range(1, 13)
)
FRACTIONS = "patient_id,naive,central_memory,effector_memory,effector\n" + "".join(
    f"P{i},0.{i + 10},0.3,0.2,{0.4 - i / 100:.2f}\n" for i in range(1, 13)
)


def study(folder, rows, header=FULL, settings=""):
    """Write a study without cells; return study.toml and its fractions."""
    (folder / "clinical.csv").write_text(f"{header}\n{rows}", encoding="utf-8")
    (folder / "fractions.csv").write_text(FRACTIONS, encoding="utf-8")
    files = '[study]\nname = "x"\nsamples = "s.csv"\nclinical = "clinical.csv"\ntemplate = "g.csv"\n'
    (folder / "study.toml").write_text(f"{files}{settings}", encoding="utf-8")
    return folder / "study.toml", folder / "fractions.csv"


def faults(folder, rows, header=FULL, settings=""):
    """Return what stops the analysis; nothing may be written."""
    with pytest.raises(StudyError) as caught:
        analyse_study(*study(folder, rows, header, settings))
    assert not (folder / "analysis").exists()
    return "\n".join(caught.value.faults)


@pytest.mark.parametrize(
    ("case", "row", "words"),
    [
        (
            "C2",
            "P1,2024-03-01,0,,PR,,,2024-12-01\nP1,2024-03-01,0,,CR,,,2024-12-01\n",
            "best_response is 'PR' and 'CR'",
        ),
        ("C3", "P1,03/04/2024,0,,PR,,,2024-12-01\n", "it could be 3 April or 4 March: write YYYY-MM-DD"),
        ("C3", "P1,45352,0,,PR,,,2024-12-01\n", "it looks like a spreadsheet's day count"),
        ("C4", "P1,2024-03-01,0,,PR,,2024-02-01,\n", "death_date is '2024-02-01', before infusion_date '2024-03-01'"),
        ("C4", "P1,2024-03-01,0,,PR,,,2024-02-01\n", "last_contact_date is '2024-02-01', before infusion_date"),
        ("C4", "P1,2024-03-01,0,,PR,2024-09-01,2024-08-01,\n", "death_date is '2024-08-01', before progression_date"),
        ("C4", "P1,2024-03-01,0,,PR,,2024-08-01,2024-09-01\n", "death_date is '2024-08-01', before last_contact_date"),
        ("C4", "P1,2024-03-01,0,,PR,2024-10-01,,2024-09-01\n", "progression_date is '2024-10-01', after last_contact"),
        ("C5", "P1,2024-03-01,0,,unk,,,2024-12-01\n", "best_response is 'unk'"),
        ("C6", "P1,2024-03-01,ja,,PR,,,2024-12-01\n", "prior_asct is 'ja'; write 1 for yes, 0 for no"),
        ("C6", "P1,2024-03-01,2,,PR,,,2024-12-01\n", "prior_asct is '2'; write 1 for yes, 0 for no"),
        ("C7", "P1,1900-01-00,0,,PR,,,2024-12-01\n", "infusion_date is '1900-01-00'"),
        ("C7", "P1,,0,,PR,,,2024-12-01\n", "each patient needs it"),
    ],
)
def test_what_cannot_be_true_of_a_patient_stops_the_analysis(tmp_path, case, row, words):
    """One patient with a wrong date moves every curve; the cell is named, and nothing is written."""
    assert words in faults(tmp_path, row + GOOD.partition("\n")[2]), case


def test_all_faults_of_a_sheet_are_told_at_once(tmp_path):
    """Six cases in one sheet, and one in the settings and one in the fractions: eight lines, one run."""
    rows = (
        "P1,03/04/2024,0,,PR,,,2024-12-01\nP2,2024-03-01,ja,,PR,,,2024-12-01\nP3,2024-03-01,0,,unk,,,2024-12-01\n"
        "P4,2024-03-01,0,,PR,,2024-02-01,\nP4,2024-03-01,0,,PR,,,\nP5,1900-01-00,0,,PR,,,2024-12-01\n"
    )
    path, fractions = study(tmp_path, rows)
    fractions.write_text(FRACTIONS.replace("P3,0.13", "P3,13"), encoding="utf-8")
    with pytest.raises(StudyError) as caught:
        analyse_study(path, fractions)

    assert len(caught.value.faults) == 7
    for words in ("3 April or 4 March", "'ja'", "'unk'", "before infusion_date", "in row 5 already", "1900-01-00"):
        assert words in "\n".join(caught.value.faults)
    assert "fractions.csv: row 4: naive is '13'" in "\n".join(caught.value.faults)


def test_c1_patients_of_one_table_alone_are_told_both_ways(tmp_path):
    """P12 has no clinical row, P13 no product: the first is in no number, the second in all but the subsets."""
    rows = GOOD.replace("P12,", "P13,")
    found = analyse_study(*study(tmp_path, rows))

    assert (found.without_clinical, found.without_fractions, found.status) == (("P12",), ("P13",), 1)


def test_c7_a_patient_who_was_not_followed_is_noted(tmp_path):
    """Zero days at risk: kept, and named, since a missing date typed as the infusion looks the same."""
    rows = GOOD.replace("P1,2024-03-01,0,,CR,,,2024-11-01", "P1,2024-03-01,0,,CR,,,2024-03-01")
    found = analyse_study(*study(tmp_path, rows))

    assert "clinical.csv: patient 'P1' was not followed: the last contact is the day of infusion" in found.notes


def estimates(folder, rows, settings=""):
    """Return the estimates of a sheet."""
    path, fractions = study(folder, rows, settings=settings)
    one = read_study(path)
    patients = derive_groups(read_clinical(one), one)
    return estimate(cohort_of(patients, read_fractions(fractions), None, one.analyses), one.analyses)


def test_c8_a_group_too_small_for_a_test_says_so(tmp_path):
    """Two patients within a year: the medians are there, the test is not."""
    rows = "\n".join(
        line.replace("2023-06-01", "2020-06-01") if line.startswith(("P7", "P8", "P9", "P10")) else line
        for line in GOOD.splitlines()
    )
    path, fractions = study(tmp_path, rows + "\n")
    analyse_study(path, fractions)

    text = (tmp_path / "analysis" / "comparisons.csv").read_text(encoding="utf-8")
    assert "2 and 6 patients; a test needs 3 in each group" in text


def test_c9_all_censored_and_no_variance_have_reasons(tmp_path):
    """Nobody died or progressed, and no patient has extramedullary disease on record."""
    table = estimates(tmp_path, GOOD, '[analyses]\ncovariates = ["prior_asct"]\n')

    ratio = table[(table["analysis"] == "cox_univariable") & (table["endpoint"] == "OS")].iloc[0]
    assert ratio["note"].startswith("not estimated: ")
    median = table[(table["analysis"] == "survival_median") & (table["endpoint"] == "OS") & (table["level"] == "all")]
    assert median.iloc[0]["note"] == "not reached"


def test_c9_separation_is_said_and_answered(tmp_path):
    """All in CR were transplanted: Firth's penalty, and the note says why."""
    rows = "\n".join(
        line.replace(",PR,", ",CR,")
        if line.startswith(("P7", "P8", "P9", "P10", "P11", "P12"))
        else line.replace(",CR,", ",PR,")
        for line in GOOD.splitlines()
    )
    table = estimates(tmp_path, rows + "\n")
    row = table[(table["analysis"] == "logistic_univariable") & (table["endpoint"] == "CR")].iloc[0]

    assert row["method"].startswith("Firth")
    assert "separated" in row["note"]


@pytest.mark.parametrize(
    ("cell", "words"), [("9,8", "9.8"), ("<0.1", "a limit is not a value"), ("98 g/L", "hb_g_l_d30")]
)
def test_c11_numbers_with_commas_limits_or_units_are_refused(tmp_path, cell, words):
    """A tenfold error is one comma away."""
    rows = GOOD.replace("\n", ",\n").replace(",\n", f',"{cell}"\n', 1)

    assert words in faults(tmp_path, rows, FULL + ",hb_g_l_d30")


def test_c13_columns_that_name_a_person_are_not_copied(tmp_path):
    """A name that reaches cohort.csv reaches the mail attachment."""
    rows = "".join(f"{line},Doe\n" for line in GOOD.splitlines())
    found = analyse_study(*study(tmp_path, rows, FULL + ",surname"))

    assert "column 'surname' could identify a person" in "\n".join(found.notes)
    assert "Doe" not in (tmp_path / "analysis" / "cohort.csv").read_text(encoding="utf-8")


def test_c14_an_age_above_89_is_kept_as_90(tmp_path):
    """One hundred-year-old in a city is a name."""
    rows = "".join(f"{line},{age}\n" for line, age in zip(GOOD.splitlines(), [93, *range(60, 71)], strict=True))
    found = analyse_study(*study(tmp_path, rows, FULL + ",age_years"))

    assert "clinical.csv: age_years is above 89 in 1 patients; kept as 90, 90 or more" in found.notes
    text = (tmp_path / "analysis" / "cohort.csv").read_text(encoding="utf-8")
    assert ",93," not in text


def test_a_covariate_that_the_sheet_lacks_is_a_fault_if_named(tmp_path):
    """A misspelt covariate would leave a model unadjusted, unseen; the default ones may be absent."""
    assert "no covariate 'ages'" in faults(tmp_path, GOOD, settings='[analyses]\ncovariates = ["ages"]\n')
    assert analyse_study(*study(tmp_path, GOOD)).status == 0
