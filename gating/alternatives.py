"""One marker in the place of another throughout a template: CCR7 for CD62L, CD45RO for CD45RA."""

from dataclasses import replace
from functools import partial
from typing import Any

from gating.errors import TemplateError, missing
from gating.frames import Chain
from gating.options import split_options
from gating.template import GatingTemplate, Row

__all__ = ["with_alternative"]

_OTHER_SIDE = {"+": "-", "-": "+", "above": "below", "below": "above"}


def with_alternative(template: GatingTemplate, marker: str, other: str, *, opposite: bool = False) -> GatingTemplate:
    """Return the template with one marker in the place of another, for every sample that it gates.

    Parameters
    ----------
    template
        Cuts the marker by quadrants and chains only: coordinates that a person drew hold for the marker they were
        drawn on.
    marker
        As the template names it.
    other
        What takes its place; the template must not look at it already.
    opposite
        Whether it is on the cells that lack the marker: then each gate keeps the other side.

    Raises
    ------
    TemplateError
        With every row that stands in the way.

    Examples
    --------
    >>> from gating.template import parse_template
    >>> template = parse_template('''population,parent,channels,method,arguments
    ... naive,root,CD62L|CD45RA,quadrant,quadrant=++
    ... ''')
    >>> row = with_alternative(template, "CD45RA", "CD45RO", opposite=True).row("naive")
    >>> row.channels, row.signs
    (('CD62L', 'CD45RO'), {'CD62L': '+', 'CD45RO': '-'})
    """
    known = list(dict.fromkeys(channel for row in template.rows for channel in row.channels))
    if marker not in known:
        raise TemplateError(template.name, [missing("channel", marker, known, f"{other} for {marker}")])
    faults = [
        f"{other} for {marker}: {other} is gated on already, by {row.population!r}" for row in _on(template, other)
    ]
    faults += [fault for row in _on(template, marker) for fault in _drawn(row, marker, other)]
    if faults:
        raise TemplateError(template.name, faults)
    rows = [_replaced(row, marker, other, opposite) if marker in row.channels else row for row in template.rows]
    return GatingTemplate(template.name, tuple(rows))


def _on(template: GatingTemplate, marker: str) -> list[Row]:
    return [row for row in template.rows if marker in row.channels]


def _drawn(row: Row, marker: str, other: str) -> list[str]:
    """List what a row fixes by number on the marker."""
    given = _keywords(row)
    what = f"{other} for {marker}: population {row.population!r}"
    if row.merged:
        return []
    if "quadrant" not in given and "chain" not in given:
        return [f"{what} is a {row.method} on {marker}, with numbers that hold for no other marker"]
    axis = "xy"[row.channels.index(marker)] if "quadrant" in given else "chain"
    chain: Chain = given.get(axis, ())
    return [f"{what} cuts {marker} {step.text}, a number of no other marker" for step in chain if _fixed(step.text)]


def _fixed(text: str) -> bool:
    return text.partition("(")[0].strip() == "at"


def _keywords(row: Row) -> dict[str, Any]:
    return dict(row.fit.keywords) if isinstance(row.fit, partial) else {}


def _replaced(row: Row, marker: str, other: str, opposite: bool) -> Row:
    channels = tuple(other if channel == marker else channel for channel in row.channels)
    controls = tuple((role, on, other if name == marker else name) for role, on, name in row.controls)
    taught = tuple((teacher, on, other if name == marker else name) for teacher, on, name in row.taught)
    renamed = replace(row, channels=channels, controls=controls, taught=taught)
    return _turned(renamed, row.channels.index(marker)) if opposite else renamed


def _turned(row: Row, axis: int) -> Row:
    """Return a row that keeps the other side of one of its channels, in what it does and in what it says."""
    options, given = split_options(row.arguments), _keywords(row)
    signs = options.get("quadrant", "")
    if signs:
        side = {"quadrant": signs[:axis] + _OTHER_SIDE[signs[axis]] + signs[axis + 1 :]}
    else:
        side = {"side": _OTHER_SIDE[str(given.get("side", "above"))]}
    arguments = "; ".join(f"{key}={value}" for key, value in (options | side).items())
    fit = row.fit.func if isinstance(row.fit, partial) else row.fit
    return replace(row, arguments=arguments, fit=partial(fit, **{**given, **side}) if fit else None)
