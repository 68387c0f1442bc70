"""A study in which every text is hostile, and every file names a patient: nothing runs, nothing leaks.

Names, groups, batches, covariates and keywords come from other people's machines. The study is run as any other; then
its report is read as text and opened in a real browser.
"""

import re
import shutil
from dataclasses import replace
from html import unescape
from pathlib import Path

import pandas as pd
import pytest

from gating import read_fcs, write_fcs
from phenotype.pipeline import run_study
from phenotype.simulate import simulate_study

ACTS = [
    '<img src=x onerror="window.hit=1">',
    "</script><script>window.hit=1</script>",
    '"><svg onload=window.hit=1>',
    "{{ 7*7 }}${7*7}",
    "=HYPERLINK('x')",
    "pt\u202e\u2066gnp.exe",
    "javascript:window.hit=1",
    "a'b&amp;<c>",
]
"""One for each patient in turn."""
PEOPLE = ("Jane Q. Doe", "MRN-4711-0815", "Dr. Eva Nurse", "1961-02-29")
"""What a cytometer's operator typed: in no table and no page."""


def hostile_keywords(keywords, i):
    """Return the keywords of a file as a careless operator and a malicious one would leave them."""
    named = {"$SRC": PEOPLE[0], "$SMNO": PEOPLE[1], "$OP": PEOPLE[2], "$INST": PEOPLE[0], "$PROJ": PEOPLE[1],
             "$COM": f"born {PEOPLE[3]}", "PATIENT ID": PEOPLE[1], "$FIL": f"{PEOPLE[0]}.fcs"}  # fmt: skip
    return {**keywords, **named, "$CYT": ACTS[i % len(ACTS)], "TUBE NAME": ACTS[(i + 1) % len(ACTS)]}


def spoil(folder):
    """Make every text of a simulated study hostile; the events stay."""
    samples = pd.read_csv(folder / "samples.csv", dtype=str, keep_default_na=False)
    patients = [name for name in dict.fromkeys(samples["patient_id"]) if name]
    others = dict(zip(patients, (f"{ACTS[i % len(ACTS)]}{i}" for i in range(len(patients))), strict=True))
    for i, file in enumerate(samples["file"]):
        path = folder / file
        sample = read_fcs(path)
        target = path.with_name(f"{ACTS[i % len(ACTS)].replace('/', '')}{i}.fcs")
        write_fcs(target, replace(sample, keywords=hostile_keywords(sample.keywords, i)))
        samples.loc[i, "file"] = target.relative_to(folder).as_posix()
    samples["patient_id"] = samples["patient_id"].map(lambda name: others.get(name, name))
    samples["batch"] = samples["batch"] + "<b onclick=window.hit=1>"
    samples.to_csv(folder / "samples.csv", index=False)
    for name in ("clinical.csv", "kinetics.csv"):
        table = pd.read_csv(folder / name, dtype=str, keep_default_na=False)
        table["patient_id"] = table["patient_id"].map(lambda one: others.get(one, one))
        if "sex" in table:
            table["sex"] = table["sex"].replace({"M": ACTS[0], "F": ACTS[1]})
        table.to_csv(folder / name, index=False)
    study = (folder / "study.toml").read_text(encoding="utf-8")
    study = re.sub(r'name = "[^"]*"', lambda _: f"name = '''{ACTS[0]}{ACTS[1]}'''", study)
    (folder / "study.toml").write_text(study, encoding="utf-8")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Return the results of a small study in which every text is hostile."""
    folder = tmp_path_factory.mktemp("person Jane Q. Doe") / "study"
    simulate_study(folder, patients=8, events=2_000, control_events=2_000, defects=False)
    spoil(folder)
    shutil.rmtree(folder / "truth")
    summary = run_study(folder / "study.toml", jobs=2)
    assert summary.gated == 8
    return folder / "results"


def test_no_name_of_a_person_leaves_a_file(results):
    """Keywords of files name people; tables, pages and pictures know the study's own ids only."""
    for path in results.rglob("*"):
        if path.suffix in {".html", ".csv", ".json", ".svg"}:
            text = unescape(path.read_text(encoding="utf-8"))
            assert [name for name in PEOPLE if name in text] == [], path.name


def test_no_path_is_in_the_report(results):
    """The folder of a run names the person who ran it."""
    for path in [results / "report.html", *(results / "figures").rglob("*.svg")]:
        assert str(results.parent.parent) not in path.read_text(encoding="utf-8")


def test_no_text_becomes_a_tag(results):
    """What a file says is shown as letters."""
    html = (results / "report.html").read_text(encoding="utf-8")

    for act in ("<img src=x", "<svg onload", "<script>window", "<b onclick"):
        assert act not in html
    assert "&lt;img src=x onerror=" in html
    assert "\u202e" not in html
    assert "49" not in re.findall(r"(\d+)\$", html)


def test_cells_of_a_spreadsheet_do_not_calculate(results):
    """A table is opened in Excel: what begins like a formula is guarded."""
    for path in [*results.glob("*.csv"), *(results / "figures").glob("*.csv")]:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        for name in table.columns:
            assert not table[name].str.match(r"^[=@]").any(), (path.name, name)


def test_nothing_runs_in_a_browser(results):
    """With every part open and every picture unpacked."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        asked, complaints = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.goto(Path(results / "report.html").as_uri())
        page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
        page.wait_for_timeout(1500)

        assert page.evaluate("window.hit") is None
        assert complaints == []
        assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
        browser.close()
