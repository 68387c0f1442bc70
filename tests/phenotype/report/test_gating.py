"""Gates as pictures: what is drawn, in which order, and what a page has room for."""

import base64
import csv
import zlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from phenotype.panels import Band, read_panels, write_panels
from phenotype.report import build, build_report
from phenotype.report.gating import draw_gates, fitted, worst_first
from phenotype.report.read import read_results


@pytest.fixture
def folder(make_results):
    """Return a folder with the panels of four products."""
    return make_results(panels=4)


def test_what_the_page_unpacks_is_the_file(folder):
    """One drawing, two ways to it."""
    found = draw_gates(read_results(folder))

    for one in [*found.samples.values(), *found.sheets]:
        assert zlib.decompress(base64.b64decode(one.packed)) == one.path.read_bytes()
        assert one.path.with_suffix(".png").is_file()


def test_every_gate_has_a_sheet_with_every_sample(folder):
    """Whoever leafs through one gate sees all of them."""
    found = draw_gates(read_results(folder))

    steps = {(panel.title, panel.parent) for panel in read_panels(next((folder / "panels").glob("*.npz")))}
    assert {(sheet.gate, sheet.parent) for sheet in found.sheets} == steps
    assert all({name for name, _ in sheet.places} == set(found.samples) for sheet in found.sheets)


def test_the_worst_come_first_and_the_table_says_why(folder):
    """Refused, then weak, then the least certain cut, then the share unlike the others'."""
    states = {
        "P001": ("sure", 0.1, 0.5),
        "P002": ("sure", 0.3, 0.5),
        "P003": ("weak", 0.0, 0.5),
        "P004": ("refused", 0.0, 0.5),
    }
    for name, (status, width, share) in states.items():
        path = folder / "panels" / f"{name}_product.npz"
        panels = read_panels(path)
        labels = tuple(replace(label, fraction=share) for label in panels[4].labels)
        changed = replace(panels[4], status=status, bands=(Band(0, 0.5, 0.5 + width),), labels=labels)
        write_panels(path, (*panels[:4], changed, *panels[5:]))

    draw_gates(read_results(folder))

    with (folder / "figures" / "contact_sheets.csv").open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["gate"] == "CAR+ T"]
    assert [row["sample_id"][:4] for row in rows] == ["P004", "P003", "P002", "P001"]
    assert [row["status"] for row in rows] == ["refused", "weak", "sure", "sure"]
    assert [float(row["cut_interval_width"]) for row in rows] == [0, 0, 0.3, 0.1]


def test_samples_are_ranked_by_all_their_gates():
    """Which samples a full page leaves out is decided by need, not by name."""
    table = pd.DataFrame(
        [("a", "sure"), ("a", "sure"), ("b", "weak"), ("b", "weak"), ("c", "refused"), ("c", "sure")],
        columns=["sample_id", "status"],
    )

    assert worst_first(table) == ["c", "b", "a"]


def test_a_full_page_leaves_out_the_best_and_keeps_their_files(folder, monkeypatch):
    """Five hundred samples must stay a page that can be mailed; what is not in it is said and is a file."""
    whole = draw_gates(read_results(folder))
    least = max(len(one.packed) for one in whole.samples.values())

    found = fitted(whole, sum(len(sheet.packed) for sheet in whole.sheets) + least)

    assert [bool(one.packed) for one in found.samples.values()] == [True, False, False, False]
    assert all(one.path.is_file() for one in found.samples.values())
    assert all(sheet.packed for sheet in found.sheets)
    size = len(build_report(folder).read_text(encoding="utf-8"))
    monkeypatch.setattr(build, "LARGEST", size - 1)
    html = build_report(folder).read_text(encoding="utf-8")
    assert len(html) < size
    assert html.count("this page has no room for the picture") == 1
    assert "figures/gating/P004_product.svg and .png" in html


def test_a_figure_that_is_there_is_not_drawn_again(folder):
    """A second report of the same run is quick; a changed gate is drawn anew."""
    results = read_results(folder)
    first = draw_gates(results).samples["P001_product"].path
    png = first.with_suffix(".png")
    png.write_bytes(b"mark")

    draw_gates(results)
    kept = png.read_bytes()
    panels = read_panels(folder / "panels" / "P001_product.npz")
    write_panels(folder / "panels" / "P001_product.npz", (replace(panels[0], n=7), *panels[1:]))
    draw_gates(results)

    assert kept == b"mark"
    assert png.read_bytes().startswith(b"\x89PNG")
    assert "n = 7" in first.read_text(encoding="utf-8")


def test_five_hundred_samples_fit_into_one_file(folder):
    """What one sample takes, times five hundred, with its part of the sheets, is below 25 MB with all the rest."""
    rng = np.random.default_rng(3)
    panels = read_panels(folder / "panels" / "P001_product.npz")
    busy = [np.histogram2d(*rng.normal(0.5, 0.18, (2, 20_000)), bins=96, range=((0, 1), (0, 1)))[0].astype(np.uint32)
            for _ in panels]  # fmt: skip
    full = tuple(
        replace(panel, counts=counts) if panel.y else panel for panel, counts in zip(panels, busy, strict=True)
    )
    for path in (folder / "panels").glob("*.npz"):
        write_panels(path, full)

    found = draw_gates(read_results(folder))

    assert 500 * found.packed / len(found.samples) < 18_000_000
