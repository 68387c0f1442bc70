"""Figures of patients from a folder of tables: files, the tables beside them, words with the numbers of the rows."""

import json
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from phenotype.analyses import cohort_of, estimate
from phenotype.expansion import MEASURES
from phenotype.kinetics import kinetics_of
from phenotype.pipeline.write import write_frame
from phenotype.report.patient_figures import patient_pictures
from phenotype.report.read import read_results
from phenotype.study import Analyses
from phenotype.subsets import SUBSETS

STEMS = ["expansion", "expansion_peak", "subset_peak_correlation", "waterfall", "swimmer"]
GROUPS = ["none"] * 9 + ["over_1y"] * 5 + ["within_1y"] * 4


@pytest.fixture(scope="module")
def tables():
    """Return the cohort of eighteen invented patients, its kinetics and estimates, computed as a run does."""
    rng = np.random.default_rng(5)
    names = [f"P{i:02d}" for i in range(len(GROUPS))]
    rise = np.array([0.05, 0.4, 1.0, 0.8, 0.3, 0.001])
    rows = [
        (name, day, height * share, height * share * 7)
        for name, height in zip(names, rng.uniform(30, 95, len(names)), strict=True)
        for day, share in zip((0, 4, 10, 14, 28, 90), rise, strict=True)
    ]
    kinetics = pd.DataFrame(rows, columns=["patient_id", "day", "cart_pct_of_t", "cart_per_ul"])
    kinetics["below_lod"] = (kinetics["day"] == 90).astype("Int64")
    infusion = pd.Timestamp("2022-01-03")
    later = [f"{infusion + pd.Timedelta(days=int(days)):%Y-%m-%d}" for days in rng.integers(100, 900, len(names))]
    patients = pd.DataFrame({
        "patient_id": names, "asct_group": GROUPS, "months_from_asct": np.nan, "infusion_date": f"{infusion:%Y-%m-%d}",
        "response_date": "2022-02-03", "last_contact_date": later, "best_response": ["sCR", "PR", "SD"] * 6,
        "death_date": [day if i % 3 == 2 else None for i, day in enumerate(later)],
    })  # fmt: skip
    fractions = pd.DataFrame(rng.dirichlet([2, 4, 2, 1], len(names)), index=names, columns=list(SUBSETS))
    cohort = cohort_of(patients, fractions, kinetics, Analyses())
    return cohort, kinetics_of(cohort, kinetics), estimate(cohort, Analyses())


def write_folder(folder, tables, *, without=(), synthetic=True, **columns):
    """Write a result folder, with some columns of the cohort left out or replaced."""
    cohort, kinetics, estimates = tables
    folder.mkdir()
    write_frame(folder / "cohort.csv", cohort.drop(columns=list(without)).assign(**columns))
    write_frame(folder / "estimates.csv", estimates)
    write_frame(folder / "kinetics.csv", kinetics)
    (folder / "run.json").write_text(json.dumps({"synthetic": synthetic}), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def built(tables, tmp_path_factory):
    """Return a folder with its figures, and these by stem; tests only look at it."""
    folder = write_folder(tmp_path_factory.mktemp("built") / "results", tables)
    return folder, drawn(folder)


def drawn(folder):
    """Return the pictures of a folder, by stem."""
    return {one.stem: one for one in patient_pictures(read_results(folder))}


def words_in(svg):
    """Return the text of an SVG."""
    root = ElementTree.fromstring(svg.read_text(encoding="utf-8"))  # noqa: S314 - our own file
    return [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]


def test_every_figure_has_its_files_and_a_table_with_its_patients(built):
    """In reading order; from each dot, line or bar a reader gets to the patient, and from there to the files."""
    folder, found = built

    assert list(found) == STEMS
    for stem, picture in found.items():
        assert picture.path == folder / "figures" / f"{stem}.svg"
        assert picture.path.with_suffix(".png").is_file()
        table = pd.read_csv(folder / "figures" / f"{stem}.csv")
        assert set(table["patient_id"]) == {f"P{i:02d}" for i in range(18)}
        assert picture.table.startswith(f"figures/{picture.stem}.csv")
        assert picture.title
        assert "SYNTHETIC DATA: no patient is shown" in words_in(picture.path)


def test_words_have_the_numbers_of_the_rows(built, tables):
    """Who does not see the figure gets its numbers, and they are those of estimates.csv."""
    found, estimates = built[1], tables[2]
    rows = estimates[estimates["endpoint"] == "cart_pct_of_t_cmax"].set_index(["analysis", "term", "level"])
    shift = rows.loc[("expansion_test", "asct", "asct against none")]
    median = rows.loc[("expansion_median", "responder", "no response")]

    assert f"n = 18, p {'' if shift['p_value'] < 0.001 else '= '}" in found["expansion_peak"].alt
    assert f"{shift['estimate']:.1f}".replace("-", "−") in found["expansion_peak"].alt
    assert f"less than PR {median['estimate']:.1f} (n = 6)" in found["expansion_peak"].alt
    correlation = estimates[
        (estimates["analysis"] == "subset_correlation") & (estimates["term"] == "cart_pct_of_t_cmax")
    ].set_index("endpoint")["estimate"]
    for subset in SUBSETS:
        assert f"ρ {correlation[subset]:.2f}".replace("-", "−") in found["subset_peak_correlation"].alt
    assert "sCR 6, CR 0, VGPR 0, PR 6, MR 0, SD 6, PD 0, NE 0." in found["waterfall"].alt
    assert "18 patients (No ASCT 9, ASCT > 1 y before 5, ASCT ≤ 1 y before 4)" in found["swimmer"].alt
    assert "0 with progression or relapse, 6 died, 12 alive at last contact." in found["swimmer"].alt


def test_the_figure_says_the_same_numbers(built):
    """The SVG's text is live, so that it can be searched: the shift of the alt text is in it."""
    picture = built[1]["expansion_peak"]
    shift = picture.alt.partition("any minus none ")[2].split()[0]

    assert f"any minus none {shift}" in words_in(picture.path)


def test_medians_have_a_table_of_their_own(built, tables):
    """The last day is below the limit in everybody; the highest median is that of its day's values."""
    folder, picture = built[0], built[1]["expansion"]
    medians = pd.read_csv(folder / "figures" / "expansion_medians.csv").set_index(["measure", "group", "day"])
    kinetics = tables[1]
    of_day = kinetics[(kinetics["day"] == 10) & (kinetics["asct_group"] == "none")]["cart_pct_of_t"].median()

    assert medians.loc[("cart_pct_of_t", "none", 10), "median"] == pytest.approx(of_day)
    assert np.isnan(medians.loc[("cart_pct_of_t", "none", 90), "median"])
    assert f"No ASCT {of_day:.1f} on day 10 (n = 9), below the limit on day 90 (n = 9)" in picture.alt


def test_a_figure_that_nobody_has_data_for_is_left_out(tables, tmp_path):
    """A study without kinetics or follow-up has a shorter report, and no empty axes."""
    peaks = [f"{measure}_{name}" for measure in MEASURES[:2] for name in ("cmax", "note")]
    folder = write_folder(tmp_path / "results", tables, without=[*peaks, "best_response", "os_months", "os_event"])

    (folder / "kinetics.csv").unlink()

    assert patient_pictures(read_results(folder)) == ()
    assert not (folder / "figures").exists()


def test_tables_of_two_runs_are_told(built, tables, tmp_path):
    """A dot without its test, or a test without its dot: the figure would say something of other patients."""
    folder = write_folder(tmp_path / "results", tables)
    text = (folder / "cohort.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "cohort.csv").write_text("".join(text[:-1]), encoding="utf-8")
    found = drawn(folder)

    said = "estimates.csv counts 18 patients, the figure 17: the tables are of two runs"
    assert f"asct against none: {said}" in found["expansion_peak"].caption
    assert f"Naive: {said}" in found["subset_peak_correlation"].caption
    assert "two runs" not in built[1]["expansion_peak"].caption


def test_drawn_twice_is_the_same_bytes(built, tables, tmp_path):
    """A report that changes when nothing changed cannot be compared with last week's."""
    folders = [built[0], write_folder(tmp_path / "again", tables)]
    drawn(folders[1])
    names = sorted(path.name for path in (folders[0] / "figures").iterdir())

    assert len(names) == 3 * len(STEMS) + 1
    for name in names:
        assert (folders[0] / "figures" / name).read_bytes() == (folders[1] / "figures" / name).read_bytes(), name


def test_hostile_names_and_unknown_groups_are_drawn(tables, tmp_path):
    """Names come from files: mathematics, markup, another script; and a group may not be known."""
    names = ["$\\frac{$", "<b>&x", "患者 7", "a\u202eb", *(f"P{i:02d}" for i in range(4, 18))]
    groups = ["", "unknown_time", *GROUPS[2:]]
    folder = write_folder(tmp_path / "results", tables, synthetic=False, patient_id=names, asct_group=groups)
    found = drawn(folder)

    assert "ASCT not known (n = 1)" in words_in(found["swimmer"].path)
    assert {"$\\frac{$", "<b>&x", "□□ 7", "ab"} <= set(words_in(found["swimmer"].path))
    assert not any("SYNTHETIC" in word for word in words_in(found["swimmer"].path))
    assert pd.read_csv(folder / "figures" / "swimmer.csv")["patient_id"].isin(names).all()
