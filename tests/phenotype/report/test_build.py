"""The report: one file, escaped, repeatable, and every number in it from a table."""

import base64
import csv
import hashlib
import re
from html.parser import HTMLParser

import pytest

from phenotype.figures import numbers
from phenotype.report import ReportError, build_report

HOSTILE = {
    0: "<script>alert(1)</script>",
    1: '"><img src=x onerror=alert(1)>',
    2: "'=cmd|'/C calc'!A0",
    3: "pt\u202e04",
    4: "../../etc/passwd",
    5: "{{ 7 * 7 }}",
    6: "</style></script><b>",
}


class Page(HTMLParser):
    """Tags with their attributes, the words between them, and the rows of tables."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.words, self.rows = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        """Note a tag; begin a row or a cell."""
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append((dict(attrs), []))
        if tag in {"td", "th"} and self.rows:
            self.rows[-1][1].append("")

    def handle_data(self, data):
        """Note words, and the cell they are in."""
        self.words.append(data)
        if self.rows and self.rows[-1][1]:
            self.rows[-1][1][-1] += data

    def named(self, wanted):
        """Return the attributes of every tag of a name."""
        return [attributes for tag, attributes in self.tags if tag == wanted]

    @property
    def text(self):
        """Everything that is read."""
        return " ".join(self.words)


def page(folder):
    """Build a report and parse it."""
    return Page(build_report(folder).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def html(built):
    """Return the report of the small folder."""
    return (built / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def parsed(html):
    """Return the same, parsed."""
    return Page(html)


def digests(folder):
    """Return the hash of every file that a report makes."""
    made = [folder / "report.html", *(path for path in (folder / "figures").rglob("*") if path.is_file())]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in made}


def test_two_builds_are_the_same_bytes(built, results):
    """A difference between two reports must be a difference between two results."""
    first = digests(built)
    build_report(results)

    assert digests(results) == first
    assert {"figures/figure_4.svg", "figures/figure_4.png", "figures/gating/P001_product.png"} <= set(first)


def test_more_processes_make_the_same_report(make_results):
    """Speed is no setting of the result."""
    one, two = make_results("one", panels=3), make_results("two", panels=3)
    build_report(one, jobs=1)
    build_report(two, jobs=2)

    assert digests(one) == digests(two)


def test_the_page_fetches_nothing(html, parsed):
    """It opens from a mail attachment on a ward without a network, and tells nobody that it was opened."""
    assert "http:" not in html
    assert "https:" not in html
    assert "url(" not in html
    assert not parsed.named("link")
    assert all(image.get("src", "data:image/").startswith("data:image/") for image in parsed.named("img"))
    packed = {script["id"] for script in parsed.named("script") if "id" in script}
    assert {image["data-packed"] for image in parsed.named("img") if "src" not in image} == packed
    assert all(link["href"].startswith("#") for link in parsed.named("a"))
    assert not any("src" in script for script in parsed.named("script"))


def test_the_policy_allows_only_our_own_style_and_script(html, parsed):
    """Should anything slip through the escaping, the browser refuses to run it."""
    policy = next(
        meta["content"] for meta in parsed.named("meta") if meta.get("http-equiv") == "Content-Security-Policy"
    )

    for tag in ("style", "script"):
        (body,) = re.findall(f"<{tag}>(.*?)</{tag}>", html, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; img-src data: blob:;")
    assert "unsafe" not in policy
    assert not any("style" in attributes or "onclick" in attributes for _, attributes in parsed.tags)


def test_hostile_names_are_only_text(make_results):
    """Patient and file names come from other people's machines: shown as they are, obeyed never."""
    folder = make_results(names=HOSTILE, study={"name": "<script>alert(2)</script>"}, notes=["<img src=y>"])
    parsed = page(folder)

    assert [script for script in parsed.named("script") if script.get("type") != "text/plain"] == [{}]
    assert not any("onerror" in attributes or attributes.get("src") in {"x", "y"} for _, attributes in parsed.tags)
    for shown in ("<script>alert(1)</script>", "=cmd|'/C calc'!A0", "pt04", "{{ 7 * 7 }}", "<script>alert(2)</script>"):
        assert shown in parsed.text
    assert "\u202e" not in (folder / "report.html").read_text(encoding="utf-8")


def test_a_name_that_is_a_path_reaches_no_file_outside(make_results):
    """../../ in a sample's name neither reads panels from elsewhere nor writes a picture there."""
    folder = make_results("a/b/results", names=HOSTILE, panels=0)
    (folder.parent / "etc").mkdir()
    (folder.parent / "etc" / "passwd_product.npz").write_bytes(b"")
    build_report(folder)

    assert sorted(path.name for path in folder.parent.iterdir()) == ["etc", "results"]
    assert not (folder / "figures" / "gating").exists()


def test_gating_figures_carry_hostile_names_inertly(make_results):
    """The picture of a sample is opened on its own, too."""
    folder = make_results(names={0: "a<b>&$x$"}, panels=1)
    parsed = page(folder)
    svg = (folder / "figures" / "gating" / "a<b>&$x$_product.svg").read_text(encoding="utf-8")

    assert "a&lt;b&gt;&amp;$x$_product" in svg
    assert "a<b>&$x$_product" in parsed.text


def test_every_number_of_the_comparison_table_is_in_comparisons_csv(built, parsed):
    """The page shows the file, rounded as its caption says, and nothing else."""
    shown = {(a["data-contrast"], a["data-subset"]): cells for a, cells in parsed.rows if "data-contrast" in a}
    with (built / "comparisons.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))

    assert len(rows) == len(shown) == 16
    for row in rows:
        value = {
            key: float(text) if text else None
            for key, text in row.items()
            if key not in {"contrast", "subset", "test", "note"}
        }
        assert shown[row["contrast"], row["subset"]][1:8] == [
            f"{row['n_a']}, {row['n_b']}",
            f"{100 * value['median_a']:.1f} %, {100 * value['median_b']:.1f} %",
            f"{numbers.points(value['difference'])} ({numbers.points_interval(value['ci_low'], value['ci_high'])})",
            "−0.42 (−0.77 to 0.05)",
            *(numbers.p_value(value[key]) for key in ("p_value", "p_adjusted", "p_adjusted_bh")),
        ]


def test_the_medians_of_groups_are_those_of_estimates_csv(built, parsed):
    """A group of fewer than six has a median and no exact interval: a dash, not an invented one."""
    with (built / "estimates.csv").open(encoding="utf-8") as stream:
        naive = {row["level"]: row for row in csv.DictReader(stream) if row["endpoint"] == "naive"}
    rows = [cells for _, cells in parsed.rows if cells[0] in {"No ASCT", "ASCT ≤ 1 y before"} and len(cells) == 6]
    low, high = (f"{100 * float(naive['none'][end]):.1f}" for end in ("ci_low", "ci_high"))

    assert rows[0][:3] == ["No ASCT", "12", f"{100 * float(naive['none']['estimate']):.1f} %{low} to {high}"]
    assert rows[1][2] == f"{100 * float(naive['within_1y']['estimate']):.1f} %–"


def test_a_missing_p_is_a_dash_with_its_reason(parsed):
    """Not nan, not an empty cell that looks forgotten."""
    row = next(
        cells
        for attributes, cells in parsed.rows
        if (attributes.get("data-contrast"), attributes.get("data-subset")) == ("over_1y_vs_none", "effector")
    )

    assert row[5:7] == ["–", "–"]
    assert "too few patients to test" in row[-1]


def test_no_nan_is_ever_shown(make_results):
    """To a physician nan means nothing."""
    folder = make_results(sizes={"none": 4, "within_1y": 2})
    parsed = page(folder)

    assert not re.search(r"\bnan\b", parsed.text, flags=re.IGNORECASE)
    assert not re.search(r"\bNone\b", parsed.text)


def test_a_group_of_two_is_reported(make_results):
    """Small groups are what this study has."""
    parsed = page(make_results(sizes={"none": 6, "over_1y": 4, "within_1y": 2}))

    assert "2 within one year of ASCT" in parsed.text


def test_an_empty_cohort_still_has_a_report(make_results):
    """Every file may fail; then the report says what failed."""
    parsed = page(make_results(sizes={}))

    assert "No comparison could be made" in parsed.text
    assert "no product was gated" in parsed.text
    assert "pt99.fcs" in parsed.text


@pytest.mark.parametrize("synthetic", [True, False])
def test_the_banner_stands_when_the_data_are_simulated(make_results, synthetic):
    """Simulated numbers must never pass for patients; real ones must never be marked as simulated."""
    folder = make_results(synthetic=synthetic, study={"name": "Products"})
    parsed = page(folder)
    svg = (folder / "figures" / "figure_4.svg").read_text(encoding="utf-8")
    gating = (folder / "figures" / "gating" / "P001_product.svg").read_text(encoding="utf-8")

    assert ("SYNTHETIC DATA" in parsed.text) is synthetic
    assert ("SYNTHETIC DATA" in svg) is synthetic
    assert ("SYNTHETIC DATA" in gating) is synthetic


def test_absolute_paths_stay_at_home(html):
    """An error message of the operating system names folders and users."""
    assert "/home/li" not in html


def test_who_is_missing_is_named(parsed):
    """A patient in one table only is the first thing to check."""
    assert "P777" in parsed.text
    assert "P021, P022" in parsed.text


def test_the_page_can_be_used_without_seeing_it(parsed):
    """Every picture says what it shows, every table has a caption, every header a scope, every link an end."""
    tags = [tag for tag, _ in parsed.tags]

    assert all(len(image["alt"]) > 40 for image in parsed.named("img"))
    assert tags.count("caption") == tags.count("table")
    assert all(cell.get("scope") for cell in parsed.named("th"))
    ids = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {link["href"][1:] for link in parsed.named("a")} <= set(ids)
    assert tags.count("h1") == 1
    assert parsed.named("html")[0]["lang"] == "en"


def test_products_link_to_their_gating(parsed):
    """From a number to the picture of its gates in one click; a product without panels has no dead link."""
    links = [link["href"] for link in parsed.named("a") if link["href"].startswith("#gating-") and len(link) == 1]

    assert links == ["#gating-1", "#gating-2"]


def test_figures_leave_their_numbers_beside_them(built):
    """Whoever wants to redraw the figure needs no screen ruler."""
    names = {path.name for path in (built / "figures").glob("*.csv")}

    assert names == {
        "figure_4_patients.csv", "figure_4_composition.csv", "car_negative_control.csv", "moved_gates.csv",
        "contact_sheets.csv", "cohort_flow.csv",
    }  # fmt: skip


def test_a_folder_of_two_runs_says_so(results):
    """Tables that disagree are shown with a warning at the top."""
    path = results / "cohort.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")

    assert "comparisons.csv counts 3 patients in group within_1y, cohort.csv has 2" in page(results).text


def test_a_folder_without_a_run_is_refused(tmp_path):
    """A mistyped folder gets one clear sentence and no file."""
    with pytest.raises(ReportError, match=r"run\.json: not found"):
        build_report(tmp_path)

    assert list(tmp_path.iterdir()) == []


REVIEW = "sample_id,population,marker,status,reason,resolve\nP001_product,T cells,CD62L,refused,no valley,add the fmo\n"
THRESHOLDS = (
    "sample_id,batch,marker,population,threshold,origin,status,negative_median,positive_median\n"
    "P001_product,B1,CD62L,T cells,1000,data,sure,100,9000\nP002_product,B1,CD62L,T cells,,,refused,,\n"
)
DRIFT = (
    "batch,marker,population,samples,cut_median,cut_spread_decades,cut_shift_decades,negative_shift_decades,"
    "positive_shift_decades\nB1,CD62L,T cells,1,1000,0.05,0.12,,-0.3\n"
)


def test_what_to_review_and_what_drifts_is_on_the_page(results):
    """A person reads the report, not its folder; a refused cut has no dot."""
    for name, text in (("review", REVIEW), ("thresholds", THRESHOLDS), ("drift", DRIFT)):
        (results / f"{name}.csv").write_text(text)

    page = build_report(results).read_text(encoding="utf-8")

    assert "To review: 1, of which 1 refused" in page
    assert "add the fmo" in page
    assert '<td class="n">0.12</td><td class="n">–</td><td class="n">−0.30</td>' in page
    table = (results / "figures" / "thresholds_by_batch.csv").read_text().splitlines()
    assert table == [
        "marker,population,batch,sample_id,cut,negative,positive,outlier",
        "CD62L,T cells,B1,P001_product,1000.0,100.0,9000.0,False",
    ]


def test_the_page_says_in_how_many_gatings_each_comparison_held(parsed, built):
    """Every row over gatings of robustness.csv is a row of the page, and the figure's numbers lie beside it."""
    with (built / "robustness.csv").open(encoding="utf-8") as stream:
        over = [row for row in csv.DictReader(stream) if not row["shift"]]
    shown = [cells for _, cells in parsed.rows if cells and cells[-1].startswith("194 of 200")]

    assert len(shown) == len(over) > 0
    assert shown[0][-1].strip() == "194 of 200 (97.0 %)"
    assert numbers.points(float(over[0]["difference"])) in shown[0][1]
    assert "Does the conclusion survive moving the gates?" in parsed.text
    assert {"moved_gates.csv", "moved_gates.png", "moved_gates.svg"} <= {p.name for p in (built / "figures").iterdir()}


def test_a_study_without_gatings_has_no_word_of_them(results):
    """An empty robustness.csv is a run with ``gatings = 0``: no figure, no table, no claim."""
    head = (results / "robustness.csv").read_text(encoding="utf-8").splitlines()[0]
    (results / "robustness.csv").write_text(head + "\n", encoding="utf-8")

    assert "survive moving the gates" not in page(results).text
    assert not (results / "figures" / "moved_gates.svg").exists()
