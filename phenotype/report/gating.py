"""The gates of every sample as pictures: a figure a sample, and contact sheets of each gate, the worst first."""

import base64
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from phenotype.figures.contact import PER_SHEET, Place, Thumbnail, draw_contact_sheet, place_of
from phenotype.figures.gating import draw_gating
from phenotype.figures.scene import Scene, png_of, svg_of
from phenotype.figures.style import write_file
from phenotype.panels import Panel, read_panels
from phenotype.report.read import Results
from phenotype.report.tables import write_figure_table
from phenotype.workers import workers

__all__ = ["GatePictures", "SampleGates", "Sheet", "draw_gates", "fitted", "worst_first"]

STATUS = ("refused", "weak", "sure")
"""The worst first."""
SHEET_COLUMNS = (
    "gate", "parent", "sheet", "place", "sample_id", "status", "events", "cut_interval_width", "fraction",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SampleGates:
    """The gating figure of one sample."""

    sample_id: str
    path: Path
    """The SVG."""
    packed: str
    """The same, deflated, in base64; empty where the page has no room for it."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One contact sheet."""

    gate: str
    parent: str
    number: int
    sheets: int
    path: Path
    packed: str
    refused: int
    weak: int
    samples: int
    """On all sheets of the gate, as are ``refused`` and ``weak``."""
    places: tuple[tuple[str, Place], ...]
    """Each sample of this sheet, and where it lies."""


@dataclass(frozen=True, slots=True)
class GatePictures:
    """What was drawn of the gates."""

    samples: dict[str, SampleGates]
    """By sample_id, in the order of populations.csv."""
    sheets: tuple[Sheet, ...]
    worst: tuple[str, ...]
    """Every sample_id, the one with most refused and weak gates first."""

    @property
    def packed(self) -> int:
        """Characters of all pictures."""
        packed = [one.packed for one in self.samples.values()] + [sheet.packed for sheet in self.sheets]
        return sum(map(len, packed))


def draw_gates(results: Results, *, jobs: int = 1) -> GatePictures:
    """Draw the gating of every sample that has panels, and a contact sheet of each gate.

    A sample_id that is no plain file name has no panels: nothing is read or written outside the folder. A figure
    that is there already is not drawn again.

    Parameters
    ----------
    results
        Of the folder; pictures go to ``figures/gating`` and ``figures/contact``.
    jobs
        Worker processes.
    """
    names = [str(name) for name in dict.fromkeys([*results.subsets["sample_id"], *results.populations["sample_id"]])]
    sources = {name: path for name in names if (path := _panel_file(results.folder, name)) is not None}
    target = results.folder / "figures" / "gating"
    tasks = [(path, target / path.stem, name, results.synthetic) for name, path in sources.items()]
    with workers(max(1, min(jobs, len(tasks))), anew=True) as pool:
        drawn = dict(zip(sources, pool.map(_draw_sample, tasks), strict=True))
    steps = _by_gate({name: read_panels(path) for name, path in sources.items()})
    tables = [_ordered(gate, parent, found) for (gate, parent), found in steps.items()]
    sheets = [sheet for i, found in enumerate(zip(steps.values(), tables, strict=True), start=1)
              for sheet in _draw_sheets(i, *found, results)]  # fmt: skip
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(SHEET_COLUMNS))
    if tables:
        write_figure_table(results.folder / "figures" / "contact_sheets.csv", table)
    return GatePictures(drawn, tuple(sheets), tuple(worst_first(table)))


def worst_first(table: pd.DataFrame) -> list[str]:
    """Return samples by the status of their gates: most refused, then most weak, then as they come.

    Parameters
    ----------
    table
        ``sample_id`` and ``status``, a row per sample and gate.
    """
    ranks = {str(name): tuple(-int((rows["status"] == status).sum()) for status in STATUS[:2])
             for name, rows in table.groupby("sample_id", sort=False)}  # fmt: skip
    return sorted(ranks, key=ranks.__getitem__)


Task = tuple[Path, Path, str, bool]


def _draw_sample(task: Task) -> SampleGates:
    """Draw one sample's gating from its panels; runs in a worker process."""
    source, stem, sample_id, synthetic = task
    path, packed = _write_scene(draw_gating(read_panels(source), sample_id, synthetic), stem)
    return SampleGates(sample_id, path, packed)


def _write_scene(scene: Scene, stem: Path) -> tuple[Path, str]:
    """Write SVG and PNG, unless the very same are there; return the SVG's path and its text, packed."""
    svg, png = stem.parent / f"{stem.name}.svg", stem.parent / f"{stem.name}.png"
    content = svg_of(scene).encode("utf-8")
    if not (svg.is_file() and png.is_file() and svg.read_bytes() == content):
        write_file(png, png_of(scene))
        write_file(svg, content)
    return svg, base64.b64encode(zlib.compress(content, 9)).decode()


def _panel_file(folder: Path, sample_id: str) -> Path | None:
    """Return the panels of a sample; the guard before a formula sign is no part of the file's name."""
    for name in (sample_id, sample_id.removeprefix("'")):
        plain = name not in {"", ".", ".."} and not set(name) & set("/\\:\0")
        if plain and (folder / "panels" / f"{name}.npz").is_file():
            return folder / "panels" / f"{name}.npz"
    return None


def _by_gate(panels: dict[str, tuple[Panel, ...]]) -> dict[tuple[str, str], list[Thumbnail]]:
    """Return each gate's panels, gates in the order in which they first come."""
    found: dict[tuple[str, str], list[Thumbnail]] = {}
    for sample_id, steps in panels.items():
        for panel in steps:
            found.setdefault((panel.title, panel.parent), []).append(Thumbnail(sample_id, panel))
    return found


def _ordered(gate: str, parent: str, thumbnails: list[Thumbnail]) -> pd.DataFrame:
    """Return a row per sample of a gate, the worst first; puts the thumbnails into the same order.

    Refused before weak before sure; among these the widest interval of a cut first, then the share of the parent
    that is farthest from the median of all.
    """
    widths = [_width(one.panel) for one in thumbnails]
    shares = np.array([_first_share(one.panel) for one in thumbnails])
    known = shares[np.isfinite(shares)]
    apart = np.nan_to_num(np.abs(shares - (np.median(known) if len(known) else 0.0)))
    ranks = [STATUS.index(one.panel.status) for one in thumbnails]
    order = sorted(range(len(thumbnails)), key=lambda i: (ranks[i], -widths[i], -apart[i]))
    rows = [
        (gate, parent, place // PER_SHEET + 1, place % PER_SHEET + 1, thumbnails[i].sample_id,
         thumbnails[i].panel.status, thumbnails[i].panel.n, widths[i], shares[i])
        for place, i in enumerate(order)
    ]  # fmt: skip
    thumbnails[:] = [thumbnails[i] for i in order]
    return pd.DataFrame(rows, columns=list(SHEET_COLUMNS)).astype({"events": "Int64"})


def _width(panel: Panel) -> float:
    """Return the widest interval of a cut, as a share of its axis."""
    axes = {0: panel.x, 1: panel.y}
    found = [(band.high - band.low) / (axis.high - axis.low) for band in panel.bands if (axis := axes[band.axis])]
    return round(max(found, default=0.0), 6)


def _first_share(panel: Panel) -> float:
    share = panel.labels[0].fraction if panel.labels else None
    return float("nan") if share is None else share


def _draw_sheets(
    number: int, thumbnails: Sequence[Thumbnail], table: pd.DataFrame, results: Results
) -> Iterator[Sheet]:
    """Draw one gate in all samples, so many to a sheet."""
    gate, parent = str(table["gate"].iloc[0]), str(table["parent"].iloc[0])
    sheets = -(-len(thumbnails) // PER_SHEET)
    counts: Any = table["status"].value_counts()
    for i in range(sheets):
        part = thumbnails[i * PER_SHEET : (i + 1) * PER_SHEET]
        note = (
            f"{len(thumbnails)} samples, {counts.get('refused', 0)} refused, {counts.get('weak', 0)} weak, the worst "
            f"first; sheet {i + 1} of {sheets}. Shade: where a cut could as well lie. Numbers: percent of the parent."
        )
        scene = draw_contact_sheet(part, f"{gate} of {parent}", note, synthetic=results.synthetic)
        stem = results.folder / "figures" / "contact" / f"{number:02d}_{_plain(gate)}_{i + 1}"
        path, packed = _write_scene(scene, stem)
        places = tuple((one.sample_id, place_of(k, len(part))) for k, one in enumerate(part))
        yield Sheet(gate, parent, i + 1, sheets, path, packed, int(counts.get("refused", 0)),
                    int(counts.get("weak", 0)), len(thumbnails), places)  # fmt: skip


def _plain(name: str) -> str:
    """Return a name that every file system takes.

    Examples
    --------
    >>> _plain("CD62L × CD45RA"), _plain("../CAR+ T")
    ('CD62L_CD45RA', 'CAR+_T')
    """
    return re.sub(r"[^A-Za-z0-9+-]+", "_", name).strip("_")[:40] or "gate"


def fitted(gates: GatePictures, room: int) -> GatePictures:
    """Return the pictures with as many packed as there is room for: sheets first, then samples, the worst first.

    Parameters
    ----------
    gates
        As drawn.
    room
        Characters of the page.
    """
    kept: set[Path] = set()
    wanted: list[Sheet | SampleGates] = [*gates.sheets, *(gates.samples[name] for name in gates.worst)]
    for picture in wanted:
        if len(picture.packed) <= room:
            kept.add(picture.path)
            room -= len(picture.packed)
    samples = {name: one if one.path in kept else replace(one, packed="") for name, one in gates.samples.items()}
    sheets = tuple(sheet if sheet.path in kept else replace(sheet, packed="") for sheet in gates.sheets)
    return GatePictures(samples, sheets, gates.worst)
