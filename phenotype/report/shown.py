"""Pictures as the page needs them: embedded, with the links that lie over them."""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phenotype.figures import numbers
from phenotype.report import text
from phenotype.report.draw import Figures
from phenotype.report.gating import SampleGates, Sheet
from phenotype.report.picture import Picture
from phenotype.report.tables import Product
from phenotype.subsets import SUBSET_LABELS

__all__ = ["Gates", "Link", "Shown", "ShownGate", "ShownSheet", "shown"]

ACROSS = 1000
"""Units of a picture's width in which the links over it are placed."""


@dataclass(frozen=True, slots=True)
class Link:
    """A place on a picture that leads to the gates of a sample."""

    anchor: str
    words: str
    x: int
    y: int
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Shown:
    """A figure, embedded."""

    picture: Picture
    uri: str
    height: int
    """Where the width is 1,000."""
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Gates:
    """The gates of one sample."""

    anchor: str
    sample_id: str
    file: str
    """The FCS file."""
    figure: str
    """Name of the picture in ``figures/gating``."""
    flags: str
    alt: str
    packed: bool
    uri: str


@dataclass(frozen=True, slots=True)
class ShownSheet:
    """One contact sheet."""

    key: str
    number: int
    file: str
    packed: bool
    uri: str
    height: int
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class ShownGate:
    """One gate in all samples."""

    title: str
    samples: int
    refused: int
    weak: int
    sheets: tuple[ShownSheet, ...]


def shown(figures: Figures, products: Sequence[Product], *, paper: bool = False) -> dict[str, Any]:
    """Return what the page shows of the figures.

    Parameters
    ----------
    figures
        As drawn.
    products
        Of the run.
    paper
        Whether every picture is there at once; else those of gates are unpacked when they are looked at.

    Returns
    -------
    dict
        ``pictures`` by stem, ``outcome_pictures`` in reading order, ``gates`` of each sample, ``sheets`` of each gate,
        ``anchors`` by sample_id, and ``pictures_packed``: key and content of what is unpacked on demand.
    """
    anchors = {name: f"gating-{i}" for i, name in enumerate(figures.gates.samples, start=1)}
    first = {product.patient_id: anchors[product.sample_id] for product in reversed(products)
             if product.sample_id in anchors}  # fmt: skip
    pictures = {stem: _shown(one, first) for stem, one in figures.pictures.items()}
    sheets = _gates_of(figures.gates.sheets, anchors, paper=paper)
    by_sample, samples = {product.sample_id: product for product in products}, figures.gates.samples
    gates = [_gates(one, anchors[name], by_sample.get(name), paper=paper) for name, one in samples.items()]
    packed = [(sheet.key, one.packed) for sheet, one in zip(_flat(sheets), figures.gates.sheets, strict=True)]
    packed += [(anchors[name], one.packed) for name, one in samples.items()]
    return {
        "pictures": pictures,
        "outcome_pictures": [pictures[stem] for stem in figures.outcomes],
        "gates": gates,
        "sheets": sheets,
        "anchors": anchors,
        "pictures_packed": [(key, content) for key, content in packed if content],
    }


def _shown(picture: Picture, anchors: Mapping[str, str]) -> Shown:
    """Return a figure with a link on each dot whose patient has gates to look at."""
    height = _height(picture.path.read_bytes()[:1000])
    links = tuple(
        Link(anchors[dot.patient_id], f"{dot.patient_id}: {dot.words}", round(dot.x * ACROSS), round(dot.y * height))
        for dot in picture.dots
        if dot.patient_id in anchors
    )
    return Shown(picture, _uri(picture.path), height, links)


def _uri(path: Path) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(path.read_bytes()).decode()}"


def _height(svg: bytes) -> int:
    """Return the height of a picture whose width is 1,000.

    Examples
    --------
    >>> _height(b'<svg viewBox="0 0 720 360">')
    500
    """
    found = re.search(rb'viewBox="0 0 ([0-9.]+) ([0-9.]+)"', svg)
    return round(ACROSS * float(found[2]) / float(found[1])) if found else ACROSS


def _gates_of(sheets: Sequence[Sheet], anchors: Mapping[str, str], *, paper: bool) -> list[ShownGate]:
    """Return sheets by gate, in their order."""
    found: dict[tuple[str, str], list[tuple[int, Sheet]]] = {}
    for i, sheet in enumerate(sheets, start=1):
        found.setdefault((sheet.gate, sheet.parent), []).append((i, sheet))
    return [
        ShownGate(
            title=f"{gate} of {parent}",
            samples=part[0][1].samples,
            refused=part[0][1].refused,
            weak=part[0][1].weak,
            sheets=tuple(_sheet(i, sheet, anchors, paper=paper) for i, sheet in part),
        )
        for (gate, parent), part in found.items()
    ]


def _flat(gates: Sequence[ShownGate]) -> list[ShownSheet]:
    return [sheet for gate in gates for sheet in gate.sheets]


def _sheet(i: int, sheet: Sheet, anchors: Mapping[str, str], *, paper: bool) -> ShownSheet:
    height = _height(sheet.path.read_bytes()[:1000])
    links = tuple(
        Link(
            anchors[name],
            name,
            *(round(share * scale) for share, scale in (
                (place.left, ACROSS), (place.top, height), (place.width, ACROSS), (place.height, height)
            )),
        )
        for name, place in sheet.places
    )  # fmt: skip
    return ShownSheet(
        f"sheet-{i}",
        sheet.number,
        sheet.path.stem,
        bool(sheet.packed),
        _uri(sheet.path) if paper else "",
        height,
        links,
    )


def _gates(gates: SampleGates, anchor: str, product: Product | None, *, paper: bool) -> Gates:
    """Return the gates of a sample with words for who cannot see them."""
    alt = f"Gating of {text.clean(gates.sample_id)}, a panel for each step."
    if product is not None:
        shares = ", ".join(
            f"{SUBSET_LABELS[subset].lower()} {numbers.percent(share[0])}"
            for subset, share in product.fractions.items()
        )
        alt = (
            f"Gating of {text.clean(gates.sample_id)}, from all events to the subsets of "
            f"{numbers.count(product.car_events)} CAR+ T cells: {shares}."
        )
    flags = () if product is None else product.flags
    return Gates(
        anchor=anchor,
        sample_id=gates.sample_id,
        file="" if product is None else product.file,
        figure=Path(gates.path).stem,
        flags=", ".join(text.FLAG_WORDS.get(flag, text.clean(flag)) for flag in flags),
        alt=alt,
        packed=bool(gates.packed),
        uri=_uri(gates.path) if paper else "",
    )
