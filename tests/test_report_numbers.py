"""Every number that the report of the sample study shows comes from a table of the run.

The page is read as a person reads it: every number between its tags, and every number said to a screen reader. Each
must be a value of a CSV or of run.json, written in one of the ways in which the report rounds; or a count of rows; or
stand in the report's own words, as the 95 of a confidence interval does.
"""

import ast
import json
import re
from collections import Counter
from html.parser import HTMLParser
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import phenotype.report
from phenotype.figures import numbers
from phenotype.pipeline import run_study

ROOT = Path(__file__).resolve().parents[1]
NUMBER = re.compile(r"(?<![\w.,/:-])[−+-]?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?(?![\w])")
WRITTEN = ("alt", "title", "aria-label", "content", "data-sort")


class Words(HTMLParser):
    """What a page says: its text without style and scripts, and what is said to a screen reader."""

    def __init__(self, html):
        super().__init__()
        self.said, self.inside = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        """Note what is said in place of a picture."""
        if tag in {"style", "script"}:
            self.inside.append(tag)
        self.said += [value or "" for name, value in attrs if name in {"alt", "aria-label"}]

    def handle_endtag(self, tag):
        """Leave a style or a script."""
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, data):
        """Note words."""
        if not self.inside:
            self.said.append(data)


def plain(token):
    """Return a number without its thousands' commas, its plus and its typographer's minus."""
    return token.replace(",", "").replace("−", "-").lstrip("+")


def tokens(text):
    """Return the numbers of a text."""
    return [plain(found) for found in NUMBER.findall(text.replace("\u00a0", " "))]


def ways(value):
    """Return a value in every way in which the report writes one."""
    shown = [numbers.percent(value), numbers.points(value), numbers.decimal(value), numbers.p_value(value),
             f"{value:.3g}", f"{value:.1f}", f"{value:g}", f"{value:.0f}", f"{value:.4g}"]  # fmt: skip
    if abs(value) < 1e15:
        shown.append(numbers.count(value))
    return {token for one in shown for token in tokens(one)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the results of the sample study."""
    out = tmp_path_factory.mktemp("numbers") / "results"
    run_study(ROOT / "sample_fcs" / "study.toml", out, jobs=2)
    return out


@pytest.fixture(scope="module")
def known(folder):
    """Return every number that the page may show, as text."""
    found = set()
    for path in sorted([*folder.glob("*.csv"), *(folder / "figures").glob("*.csv")]):
        found |= in_table(pd.read_csv(path, dtype=str, keep_default_na=False))
    found |= set(tokens(json.dumps(json.loads((folder / "run.json").read_text(encoding="utf-8")), ensure_ascii=False)))
    robustness = pd.read_csv(folder / "robustness.csv")
    for name in ("share_same_sign", "share_same_conclusion"):
        found |= {str(round(value)) for value in robustness[name] * robustness["gatings"] if np.isfinite(value)}
    return found | own_words()


def in_table(table):
    """Return the values of a table, the numbers in its words, and how many rows there are of each kind."""
    found, few = {str(len(table))}, []
    for name in table.columns:
        values = pd.to_numeric(table[name], errors="coerce")
        for value in values.dropna().unique():
            found |= ways(float(value)) if np.isfinite(value) else set()
        for text in table[name][values.isna()].unique():
            found |= set(tokens(text))
        counts = Counter(table[name])
        found |= {str(len(counts))}
        if len(counts) <= 40:
            few.append(name)
    for size in (1, 2):
        for names in combinations(few, size):
            found |= {str(n) for n in table.groupby(list(names)).size()}
    return found


def own_words():
    """Return the numbers in the report's own sentences: its templates, and the texts in its source."""
    here = Path(phenotype.report.__file__).parent
    templates = [re.sub(r"{[{%].*?[%}]}", " ", path.read_text(encoding="utf-8"), flags=re.DOTALL)
                 for path in (here / "page").glob("*.j2")]  # fmt: skip
    texts = [" ".join(Words(template).said) for template in templates]
    for path in [*here.glob("*.py"), here.parent / "figures" / "palette.py", here.parent / "subsets.py"]:
        texts += [node.value for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                  if isinstance(node, ast.Constant) and isinstance(node.value, str)]  # fmt: skip
    return {token for text in texts for token in tokens(text)}


def unknown(html, known):
    """Return the numbers of a page that are in no table, with the words around each."""
    return [
        (token, text.strip()[:120])
        for text in Words(html).said
        for token in tokens(text)
        if token not in known and token.lstrip("-") not in known
    ]


def test_every_number_of_the_page_is_in_a_table(folder, known):
    """A number that cannot be traced is a rumour."""
    html = (folder / "report.html").read_text(encoding="utf-8")

    assert sum(len(tokens(text)) for text in Words(html).said) > 3000
    assert unknown(html, known) == []


def test_a_number_of_its_own_would_be_found(folder, known):
    """The test above can fail: on a number between two that are known, on a count."""
    html = (folder / "report.html").read_text(encoding="utf-8")
    strange = next(f"0.{k}" for k in range(4370, 9999) if f"0.{k}" not in known)

    assert [token for token, _ in unknown(html.replace("</h1>", f" {strange} and 987,123</h1>"), known)] == [
        strange,
        "987123",
    ]


class Rows(HTMLParser):
    """The rows of every table of a page without what names them, and the caption of the table."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.caption, self.inside, self.named = [], "", "", False
        self.feed(html)

    def handle_starttag(self, tag, attrs):  # noqa: ARG002 - the parser gives both
        """Begin a table, its caption, or a row of its body."""
        self.named = tag == "th"
        if tag in {"caption", "tbody"}:
            self.inside = tag
        if tag == "caption":
            self.caption = ""
        if tag == "tr" and self.inside == "tbody":
            self.rows.append([self.caption, ""])

    def handle_endtag(self, tag):
        """Leave a caption or a body."""
        if tag == self.inside:
            self.inside = ""

    def handle_data(self, data):
        """Note words."""
        if self.inside == "caption":
            self.caption += data
        elif self.inside == "tbody" and self.rows and not self.named:
            self.rows[-1][1] += f" {data}"


def record(rows):
    """Return every number of some rows of a table, in every way it may be written."""
    found = set()
    for cell in rows.to_numpy().ravel():
        try:
            found |= ways(float(cell)) if np.isfinite(float(cell)) else set()
        except ValueError:
            found |= set(tokens(cell))
    return found


def records(folder, name, by=None):
    """Return the numbers of each row of a table, or of all rows that share a key."""
    table = pd.read_csv(folder / name, dtype=str, keep_default_na=False)
    if by == ["covariate"]:
        table = table[table["analysis"].str.startswith("baseline")]
        table = table.assign(covariate=table["endpoint"].str.partition(": ")[0])
    parts = [rows for _, rows in table.groupby(by, sort=False)] if by else [table.iloc[[i]] for i in range(len(table))]
    return [record(rows) | {str(len(rows))} for rows in parts]


SOURCES = {
    "Comparison of subsets": ("comparisons.csv", None),
    "Every comparison in plausible gatings": ("robustness.csv", ["contrast", "subset"]),
    "Mean composition": ("figures/figure_4_composition.csv", ["group"]),
    "Every gated product": ("subsets.csv", ["sample_id"]),
    "What a person should look at": ("review.csv", None),
    "quality.csv": ("quality.csv", None),
    "drift.csv": ("drift.csv", None),
    "Share of patients who could be evaluated": ("estimates.csv", None),
    "Table 1": ("estimates.csv", ["covariate"]),
    "From the clinical sheet": ("estimates.csv", ["endpoint"]),
    "Kaplan-Meier; relapse": ("estimates.csv", None),
    "A dash: not reached": ("estimates.csv", None),
    "Odds ratios of response": ("estimates.csv", None),
    "Statistic in place": ("estimates.csv", None),
    "Medians with their exact": ("estimates.csv", None),
    "Trend: Kendall": ("estimates.csv", None),
    "Tests of all four": ("estimates.csv", None),
}
"""First words of a caption, and the table its rows are of; of a product the rows of all its subsets."""


@pytest.mark.parametrize("caption", SOURCES)
def test_a_row_of_the_page_is_a_row_of_its_table(folder, caption):
    """All numbers of a row are of one and the same row: none has slipped from its neighbour."""
    html = (folder / "report.html").read_text(encoding="utf-8")
    found = [set(tokens(words)) for title, words in Rows(html).rows if title.startswith(caption)]
    kept = [one for one in found if one]
    name, by = SOURCES[caption]
    sources = records(folder, name, by)
    if caption == "Every gated product":
        findings = pd.read_csv(folder / "quality.csv").groupby("sample_id").size()
        extra = {str(n) for n in range(int(findings.max()) + 1)}
        sources = [one | extra for one in sources]
    if caption.startswith("Every comparison in"):
        over = pd.read_csv(folder / "robustness.csv")
        sources = [one | {str(round(share * 200)) for share in over["share_same_sign"].dropna()} for one in sources]

    assert len(kept) > 2
    assert [row for row in kept if not any(row <= source for source in sources)] == []
