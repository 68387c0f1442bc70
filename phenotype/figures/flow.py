"""Patients from the clinical sheet to each analysis: boxes, and who was left out between them, as CONSORT draws them.

References
----------
.. [1] Schulz KF, Altman DG, Moher D. CONSORT 2010 statement. BMJ 2010;340:c332.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from phenotype.figures import numbers
from phenotype.figures.palette import INK, MUTED
from phenotype.figures.style import drawable, mark_synthetic, new_figure, style

__all__ = ["Part", "Step", "draw_flow"]

WIDTH, EDGE = 10.2, 0.25
LINE = 0.17
"""Inches from one line of text to the next: 8 points and half as much between them."""
PAD, GAP, INDENT = 0.11, 0.28, 0.12
SPINE = 3.9
"""Inches across of the boxes on the left; the longest of their names is 3.3 wide."""
SIDE = 5.0
"""Inches from the left edge at which the boxes of who was left out begin."""
MOST_PARTS = 8
"""Reasons written in a box; with more, none is read, and the table has them all."""


@dataclass(frozen=True, slots=True)
class Part:
    """A line within a box."""

    words: str
    n: int
    """Patients."""


@dataclass(frozen=True, slots=True)
class Step:
    """A box of the flow.

    Examples
    --------
    >>> Step("left_out", "Without all four fractions", 2, (Part("gate refused", 2),)).n
    2
    """

    kind: Literal["step", "left_out", "beside", "group"]
    """``step``: patients who got so far; ``left_out``: those of the step before who did not get to the next;
    ``beside``: not of the clinical sheet; ``group``: a group of those of the last step."""
    words: str
    n: int
    """Patients."""
    parts: tuple[Part, ...] = ()
    """Of ``left_out`` the reasons, which sum to ``n``; of ``group`` patients of the whole group by analysis, the first
    being all of them."""


def draw_flow(steps: Sequence[Step], *, synthetic: bool = False) -> Figure:
    """Draw the boxes: steps below each other, who was left out beside them, groups in a row below the last.

    Parameters
    ----------
    steps
        In order; ``left_out`` and ``beside`` follow the step that they branch from.
    synthetic
        Whether to mark the figure as simulated data.
    """
    spine = [step for step in steps if step.kind == "step"]
    groups = [step for step in steps if step.kind == "group"]
    branches = {name: _branches(steps, name) for name in ("left_out", "beside")}
    tops, end = _tops(spine, branches)
    height = end + (_group_height(groups) + 2 * GAP if groups else 0) + EDGE
    with style():
        figure = new_figure(WIDTH, height)
        ax = figure.add_axes((0, 0, 1, 1))
        ax.set(xlim=(0, WIDTH), ylim=(height, 0))
        ax.axis("off")
        if not steps:
            ax.text(EDGE, height / 2, "No patients.", va="center")
        for i, (step, top) in enumerate(zip(spine, tops, strict=True)):
            bottom = _box(ax, (EDGE, top, SPINE), [_line(step)])
            if i in branches["beside"]:
                _box(ax, (SIDE, top, WIDTH - EDGE - SIDE), _lines(branches["beside"][i]), dashed=True)
            if i + 1 < len(spine):
                _arrow(ax, (EDGE + SPINE / 2, bottom), (EDGE + SPINE / 2, tops[i + 1]))
            if i in branches["left_out"]:
                _left_out(ax, branches["left_out"][i], (bottom, tops[i + 1]) if i + 1 < len(spine) else (bottom, end))
        if groups:
            _draw_groups(ax, groups, end)
        mark_synthetic(figure, synthetic=synthetic)
    return figure


def _branches(steps: Sequence[Step], kind: str) -> dict[int, Step]:
    """Return the branches of a kind, by the number of the step that they follow."""
    found, number = {}, -1
    for step in steps:
        number += step.kind == "step"
        if step.kind == kind:
            found[number] = step
    return found


def _tops(spine: Sequence[Step], branches: dict[str, dict[int, Step]]) -> tuple[list[float], float]:
    """Return where each box of the left begins, and where the last ends, inches from the top."""
    tops, y = [], EDGE
    for i in range(len(spine)):
        tops.append(y)
        beside = _height(len(_lines(branches["beside"][i]))) if i in branches["beside"] else _height(1)
        # Who was left out stands on the right, half a gap below this box and half a gap above the next.
        room = _height(len(_lines(branches["left_out"][i]))) if i in branches["left_out"] else 0.0
        y += beside + room + GAP
    return tops, y - GAP if spine else 2 * EDGE


def _lines(step: Step) -> list[str]:
    """Return the text of a box: its name with n, then its parts."""
    shown, rest = step.parts[:MOST_PARTS], step.parts[MOST_PARTS:]
    lines = [_line(step), *map(_line, shown)]
    if rest:
        lines.append(f"{len(rest)} other reasons: {numbers.count(sum(part.n for part in rest))}")
    return lines


def _line(one: Part | Step) -> str:
    """Return words and number; long words are cut, a number never."""
    return f"{drawable(one.words, 64)}: {numbers.count(one.n)}"


def _height(lines: int) -> float:
    return 2 * PAD + LINE * lines


def _box(ax: Axes, place: tuple[float, float, float], lines: Sequence[str], *, dashed: bool = False) -> float:
    """Draw a box from left, top and width, with its name and, a little to the right, its parts; return its bottom.

    The name of a step is bold.
    """
    left, top, width = place
    height = _height(len(lines))
    _frame(ax, left, top, width, height, dashed=dashed)
    for i, line in enumerate(lines):
        x, weight = left + PAD + (INDENT if i else 0), "bold" if left == EDGE else "normal"
        ax.text(x, top + PAD + LINE * (i + 0.5), line, va="center", weight=weight)
    return top + height


def _frame(ax: Axes, left: float, top: float, width: float, height: float, *, dashed: bool = False) -> None:
    line = "--" if dashed else "-"
    ax.add_patch(
        Rectangle((left, top), width, height, facecolor="white", edgecolor=MUTED, linewidth=0.8, linestyle=line)
    )


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    look = {"arrowstyle": "-|>", "color": MUTED, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 8}
    ax.annotate("", xy=end, xytext=start, arrowprops=look)


def _left_out(ax: Axes, step: Step, between: tuple[float, float]) -> None:
    """Draw who was left out between two boxes, on the right of the arrow that joins them."""
    lines, (above, below) = _lines(step), between
    top = (above + below) / 2 - _height(len(lines)) / 2
    _box(ax, (SIDE, top, WIDTH - EDGE - SIDE), lines)
    _arrow(ax, (EDGE + SPINE / 2, (above + below) / 2), (SIDE, (above + below) / 2))


def _group_height(groups: Sequence[Step]) -> float:
    most = max(len(group.parts) for group in groups)
    return _height(1 + most) + PAD


def _draw_groups(ax: Axes, groups: Sequence[Step], top: float) -> None:
    """Draw the groups in a row below the last box, each with the whole group's patients by analysis."""
    middle, bar, start = EDGE + SPINE / 2, top + GAP, top + 2 * GAP
    width = (WIDTH - 2 * EDGE - 0.15 * (len(groups) - 1)) / len(groups)
    lefts = [EDGE + (width + 0.15) * i for i in range(len(groups))]
    centres = [left + width / 2 for left in lefts]
    ax.plot([middle, middle], [top, bar], color=MUTED, linewidth=0.8)
    ax.plot([min(middle, *centres), max(middle, *centres)], [bar, bar], color=MUTED, linewidth=0.8)
    for group, left, centre in zip(groups, lefts, centres, strict=True):
        _arrow(ax, (centre, bar), (centre, start))
        _frame(ax, left, start, width, _group_height(groups))
        _group_text(ax, group, (left, start, width))


def _group_text(ax: Axes, group: Step, place: tuple[float, float, float]) -> None:
    left, top, width = place
    size = 8.0 if width > 2.2 else 7.0
    y = top + PAD + LINE / 2
    ax.text(
        left + PAD, y, f"{drawable(group.words, 20)}: {numbers.count(group.n)}", va="center", weight="bold", size=size
    )
    rule = y + LINE * 0.8
    ax.plot([left + PAD, left + width - PAD], [rule, rule], color=MUTED, linewidth=0.5)
    for i, part in enumerate(group.parts):
        line = y + PAD + LINE * (i + 1)
        ax.text(left + PAD + (INDENT if i else 0), line, drawable(part.words, 24), va="center", size=size, color=INK)
        ax.text(left + width - PAD, line, numbers.count(part.n), va="center", ha="right", size=size, color=INK)
