"""What samples teach each other through a run: who is gated again, what is kept, and whose cut holds."""

import csv

import pytest

from phenotype.pipeline.run import run_study

SMALL = "P6"
"""A product of 700 events: too few for a valley of its own."""


@pytest.fixture(autouse=True)
def _without_figures(monkeypatch):
    """Leave out the drawing, which has tests of its own."""
    monkeypatch.setattr("phenotype.pipeline.run.build_report", lambda folder, **_: folder / "report.html")
    monkeypatch.setattr("phenotype.pipeline.work.panels_of", lambda *_, **__: ())


def plain(template: str) -> str:
    """Return a template whose subsets have one cut on each marker, of all T cells."""
    return template.replace("; offset=yes", "").replace("; by=CD4+ T|CD8+ T", "")


@pytest.fixture
def asking(study, tube):
    """Give a study whose chains end with the batch, and whose last product is small; returns its study.toml."""
    template = study.parent / "gating.csv"
    text = plain(template.read_text()).replace("; on=T cells", "; on=T cells; x=valley > batch; y=valley > batch")
    template.write_text(
        text.replace("valley(which=lowest) > control(unstained, quantile=0.999)", "valley(min_events=100)")
    )
    template.write_text(template.read_text().replace('"valley > control(fmo) > ', '"valley(min_events=100) > '))
    tube(study.parent / "fcs" / f"{SMALL}.fcs", 6, n=700)
    return study


def cuts(study, out="results") -> dict[tuple[str, str], dict[str, str]]:
    """Return the rows of thresholds.csv by sample and marker."""
    with (study.parent / out / "thresholds.csv").open(newline="", encoding="utf-8") as stream:
        return {(row["sample_id"], row["marker"]): row for row in csv.DictReader(stream)}


def test_a_small_sample_learns_from_its_batch(asking):
    """Alone it has no number; its five neighbours agree where CD62L is cut, and it says that it has it from them."""
    run_study(asking)

    found = cuts(asking)
    own = sorted(float(found[f"P{i}", "CD62L"]["threshold"]) for i in range(1, 6))
    taught = found[SMALL, "CD62L"]
    assert (taught["origin"], taught["status"]) == ("batch", "weak")
    assert own[0] < float(taught["threshold"]) < own[-1]
    assert taught["source"] == "5 cuts of batch B1"
    assert {found[f"P{i}", "CD62L"]["origin"] for i in range(1, 6)} == {"data"}


def test_a_second_run_keeps_what_nothing_changed(asking):
    """Also of the sample that was gated twice."""
    run_study(asking)

    assert run_study(asking).reused == 6


def test_a_changed_sample_changes_what_its_batch_teaches(asking, tube):
    """P1 is measured anew: it and the small sample are gated anew, the four that asked nobody are kept."""
    run_study(asking)
    before = cuts(asking)[SMALL, "CD62L"]["threshold"]
    tube(asking.parent / "fcs" / "P1.fcs", 77)

    assert run_study(asking).reused == 4
    assert cuts(asking)[SMALL, "CD62L"]["threshold"] != before


def test_another_batch_is_not_learnt_from(asking, change, tube):
    """Two batches of three: in the second only two have a cut of their own, and two do not teach."""
    for i in (4, 5, 6):
        change(asking.parent / "samples.csv", f"P{i},product,0,B1", f"P{i},product,0,B2")
    tube(asking.parent / "fcs" / "untransduced_2.fcs", 98, car=0.0)
    sheet = asking.parent / "samples.csv"
    sheet.write_text(sheet.read_text() + "fcs/untransduced_2.fcs,,untransduced,,B2,\n")

    run_study(asking)

    found = cuts(asking)[SMALL, "CD62L"]
    assert found["source"].endswith("events of 3 samples of batch B2")


def test_neither_jobs_nor_the_order_of_the_sheet_matter(asking):
    """The same numbers to the last digit, whoever is gated first."""
    run_study(asking, jobs=2)
    sheet = asking.parent / "samples.csv"
    header, *rows = sheet.read_text().splitlines()
    sheet.write_text("\n".join([header, *reversed(rows)]) + "\n")

    run_study(asking, asking.parent / "reversed")

    assert cuts(asking) == cuts(asking, "reversed")


REFERENCES = "sample_id,population,marker,threshold,who,why\nP1,T cells,CD62L,1234.5,Ann,smear\n"


@pytest.fixture
def referring(study):
    """Give a study whose CD62L is cut as a person cut it on P1; returns its study.toml."""
    template = study.parent / "gating.csv"
    template.write_text(plain(template.read_text()).replace("; on=T cells", "; on=T cells; x=valley > reference"))
    (study.parent / "reference_gates.csv").write_text(REFERENCES)
    study.write_text(study.read_text() + '[reference]\ngates = "reference_gates.csv"\n')
    return study


def test_on_the_reference_sample_the_persons_cut_holds(referring):
    """Though the chain begins with the valley, which P1 has."""
    run_study(referring)

    found = cuts(referring)
    assert (float(found["P1", "CD62L"]["threshold"]), found["P1", "CD62L"]["origin"]) == (1234.5, "person")
    assert found["P2", "CD62L"]["origin"] == "data"


def test_a_persons_cut_holds_where_the_template_looks_for_two(referring):
    """With offset=yes the data would place a cut above and one below CD45RA's: the person has placed one."""
    template = referring.parent / "gating.csv"
    template.write_text(template.read_text().replace("; on=T cells", "; offset=yes; on=T cells"))

    run_study(referring)

    found = cuts(referring)["P1", "CD62L"]
    assert (float(found["threshold"]), found["within"], found["origin"]) == (1234.5, "", "person")


def test_a_reference_teaches_its_own_batch_only(referring, change):
    """Across batches nothing is safe; who wants it says so, and the results follow."""
    change(referring.parent / "gating.csv", "x=valley > reference", "x=reference")
    text = (referring.parent / "gating.csv").read_text()
    (referring.parent / "gating.csv").write_text(text.replace("x=valley > reference", "x=reference"))
    change(referring.parent / "samples.csv", "P3,product,0,B1", "P3,product,0,B2")

    run_study(referring)
    within = cuts(referring)
    change(referring, "[reference]\n", "[reference]\nacross_batches = true\n")
    run_study(referring)
    across = cuts(referring)

    assert float(within["P2", "CD62L"]["threshold"]) == pytest.approx(1234.5)
    assert within["P3", "CD62L"]["status"] == "refused"
    assert "no reference sample in batch B2; P1 teaches other batches only with" in within["P3", "CD62L"]["note"]
    assert float(across["P3", "CD62L"]["threshold"]) == pytest.approx(1234.5)


def test_a_cut_that_a_person_changed_is_used(referring, change):
    """The sheet is edited after a look at the report: all that rests on it is gated anew."""
    run_study(referring)
    change(referring.parent / "reference_gates.csv", "1234.5", "1100")

    run_study(referring)

    assert float(cuts(referring)["P1", "CD62L"]["threshold"]) == 1100
