"""Gating templates: a CSV that a cytometrist edits, a row per population, parents first.

::

    population,parent,channels,method,arguments
    Cells,root,FSC-A,debris,
    Live,Cells,Viability,valley,side=below
    T cells,Live,CD3,valley,
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gating.errors import TemplateError, missing
from gating.gates import BooleanGate
from gating.methods import BOOLEANS, CHAIN_OPTIONS, DIMENSIONS, METHODS, Fit, Frame, check_arguments, cut
from gating.options import OptionError, bind_options, split_options
from gating.thresholds import STEPS, Step, parse_chain

__all__ = ["ROOT", "GatingTemplate", "Row", "parse_template", "read_template"]

ROOT = "root"
COLUMNS = ("population", "parent", "channels", "method", "arguments")


@dataclass(frozen=True, slots=True)
class Row:
    """One population: where it lies, and how its gate is placed."""

    population: str
    parent: str
    channels: tuple[str, ...]
    """Markers or channel names, as written; empty for boolean rows."""
    method: str
    arguments: str
    optional: bool = False
    """Whether a sample without these channels simply lacks the population."""
    fit: Callable[[Frame], Fit] | None = None
    boolean: BooleanGate | None = None
    controls: tuple[tuple[str, str, str], ...] = ()
    """Controls it may look at: role, population the threshold is fitted on, marker."""
    on: str = ""
    """The population its thresholds are fitted on."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Populations that must come before this one."""
        operands = self.boolean.operands if self.boolean else ()
        return tuple(dict.fromkeys(filter(None, (self.parent, self.on, *operands))))

    @property
    def signs(self) -> dict[str, str]:
        """The side, ``+`` or ``-``, that a quadrant keeps of each channel; empty for another gate."""
        signs = split_options(self.arguments).get("quadrant", "") if self.method == "quadrant" else ""
        return dict(zip(self.channels, signs, strict=False))


@dataclass(frozen=True, slots=True)
class GatingTemplate:
    """The rows of a template, parents before children."""

    name: str
    rows: tuple[Row, ...]

    def row(self, population: str) -> Row:
        """Return the row of a population.

        Raises
        ------
        TemplateError
            If the template has no such population.
        """
        for row in self.rows:
            if row.population == population:
                return row
        raise TemplateError(self.name, [missing("population", population, self.populations, "template")])

    @property
    def populations(self) -> tuple[str, ...]:
        """Names of all populations, root excluded."""
        return tuple(row.population for row in self.rows)

    def lineage(self, populations: Iterable[str]) -> "GatingTemplate":
        """Return the part of the template that the given populations rest on, themselves included."""
        wanted, waiting = set(), [name for name in populations if name != ROOT]
        while waiting:
            name = waiting.pop()
            if name not in wanted:
                wanted.add(name)
                waiting += [need for need in self.row(name).needs if need != ROOT]
        return GatingTemplate(self.name, tuple(row for row in self.rows if row.population in wanted))


def read_template(path: Path | str) -> GatingTemplate:
    """Read a gating template from a CSV file.

    Raises
    ------
    TemplateError
        With every fault of the file, each with its row.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise TemplateError(path.name, [f"cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise TemplateError(path.name, ["is not UTF-8 text; save it as CSV UTF-8"]) from error
    return parse_template(text, path.name)


def parse_template(text: str, name: str = "template") -> GatingTemplate:
    """Read a gating template from its text; rows are counted as a spreadsheet does, the header is row 1.

    Raises
    ------
    TemplateError
        With every fault, each with its row.

    Examples
    --------
    >>> template = parse_template('''population,parent,channels,method,arguments
    ... Live,root,Viability,valley,side=below
    ... T cells,Live,CD3,valley,
    ... ''')
    >>> template.populations
    ('Live', 'T cells')
    >>> parse_template('''population,parent,channels,method,arguments
    ... Live,Singlets,Viability,valey,side=below
    ... ''')
    Traceback (most recent call last):
    gating.errors.TemplateError: template: row 2: no parent above 'Singlets'. Known: root
    template: row 2: no method 'valey'; did you mean 'valley'? Known: range, rectangle, ...
    """
    lines = list(csv.reader(io.StringIO(text), delimiter=_separator(text)))
    header = [cell.strip().casefold() for cell in lines[0]] if lines else []
    absent = [column for column in COLUMNS if column not in header]
    if absent:
        raise TemplateError(name, [f"no column {column!r}; the columns are {', '.join(COLUMNS)}" for column in absent])
    cells = [
        (number, dict(zip(header, (cell.strip() for cell in line), strict=False)))
        for number, line in enumerate(lines[1:], start=2)
        if any(cell.strip() for cell in line)
    ]
    faults = _structure_faults(cells)
    rows = []
    for number, cell in cells:
        try:
            rows.append(_parse_row(cell))
        except OptionError as error:
            faults.append((number, str(error)))
    faults += _reference_faults(cells, rows)
    if faults:
        raise TemplateError(name, [f"row {number}: {fault}" for number, fault in sorted(faults, key=lambda f: f[0])])
    if not rows:
        raise TemplateError(name, ["has no rows; a template needs at least one population"])
    return GatingTemplate(name, tuple(rows))


Cells = list[tuple[int, dict[str, str]]]
Faults = list[tuple[int, str]]


def _separator(text: str) -> str:
    """Return the separator of the header: Excel writes semicolons in half of Europe."""
    header = text.partition("\n")[0]
    return max(",;\t", key=header.count)


def _structure_faults(cells: Cells) -> Faults:
    """List rows without a name, names used twice, and parents that are not above."""
    faults: Faults = []
    numbers = {cell["population"]: number for number, cell in reversed(cells)}
    above = [ROOT]
    for number, cell in cells:
        name, parent = cell["population"], cell.get("parent", "")
        if not name:
            faults.append((number, "no population name"))
        elif name in above:
            faults.append((number, f"population {name!r} stands twice; names are unique (root is reserved)"))
        if parent not in above:
            faults.append((number, _parent_fault(parent, numbers, above, cells)))
        above.append(name)
    return faults


def _parent_fault(parent: str, numbers: Mapping[str, int], above: list[str], cells: Cells) -> str:
    """Say whether a parent is unknown, merely below, or its own descendant."""
    if parent not in numbers:
        return (
            missing("parent", parent, dict.fromkeys(above), "")
            .removeprefix(": ")
            .replace("no parent", "no parent above", 1)
        )
    parents = {cell["population"]: cell.get("parent", "") for _, cell in cells}
    chain, seen = parent, [parent]
    while (chain := parents.get(chain, ROOT)) != ROOT and chain not in seen:
        seen.append(chain)
    if chain in seen:
        return f"parents go in a circle: {' <- '.join([*seen, chain])}; one of them must lie on root"
    return f"parent {parent!r} is in row {numbers[parent]}, below; put parents first"


def _parse_row(cell: dict[str, str]) -> Row:
    """Read one row; its method is a known name, a boolean, or a chain of steps."""
    method = cell.get("method", "")
    channels = tuple(part.strip() for part in cell.get("channels", "").split("|") if part.strip())
    options = split_options(cell.get("arguments", ""))
    optional = options.pop("optional", "no").casefold() in {"yes", "true"}
    make = partial(
        Row, cell["population"], cell.get("parent", ""), channels, method, cell.get("arguments", ""), optional
    )
    if method in BOOLEANS:
        return _boolean_row(make, method, channels, options)
    function = METHODS.get(method)
    if function is None:
        return _chain_row(make, method, cell.get("parent", ""), channels, options)
    arguments = bind_options(function, options, CHAIN_OPTIONS)
    check_arguments(arguments)
    _check_dimensions(method, channels)
    on = arguments.get("on", "")
    defaults = function.__kwdefaults__ or {}
    chains = [arguments.get(axis, defaults.get(axis, ())) for axis in ("x", "y")] if method == "quadrant" else []
    controls = _controls(chains, on or cell.get("parent", ""), channels)
    return make(fit=partial(function, **arguments), controls=controls, on=on)


def _boolean_row(make: Callable[..., Row], method: str, channels: tuple[str, ...], options: dict[str, str]) -> Row:
    if channels:
        raise OptionError(f"method {method!r} takes populations, not channels: leave the cell empty, say of=...")
    unknown = [key for key in options if key != "of"]
    if unknown:
        raise OptionError(missing("argument", unknown[0], ["of"], method))
    operands = tuple(part.strip() for part in options.get("of", "").split("|") if part.strip())
    if not operands or (method == "not" and len(operands) != 1):
        raise OptionError(f"method {method!r} needs of=POPULATION{'' if method == 'not' else '|POPULATION'}")
    return make(boolean=BooleanGate(method, operands))


def _chain_row(
    make: Callable[..., Row], method: str, parent: str, channels: tuple[str, ...], options: dict[str, str]
) -> Row:
    first = method.partition("(")[0].partition(">")[0].strip()
    if first not in STEPS:
        known = [*METHODS, *BOOLEANS, *STEPS]
        raise OptionError(missing("method", first, known, "").removeprefix(": "))
    if "chain" in options:
        raise OptionError("the chain of steps goes into the method column, not into arguments")
    chain = parse_chain(method)
    arguments: dict[str, Any] = bind_options(cut, {"chain": method, **options}, CHAIN_OPTIONS)
    check_arguments(arguments)
    _check_dimensions(method, channels)
    on = arguments.get("on", "")
    return make(fit=partial(cut, **arguments), controls=_controls([chain], on or parent, channels), on=on)


def _check_dimensions(method: str, channels: tuple[str, ...]) -> None:
    wanted = DIMENSIONS.get(method, (1,))
    if len(channels) not in wanted:
        need = " or ".join(map(str, wanted))
        raise OptionError(
            f"method {method!r} needs {need} channel{'s' if need != '1' else ''}, found "
            f"{len(channels)}: {'|'.join(channels) or 'none'}; separate two with |"
        )


def _controls(chains: list[tuple[Step, ...]], on: str, channels: tuple[str, ...]) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (step.role, on, marker) for chain, marker in zip(chains, channels, strict=False) for step in chain if step.role
    )


def _reference_faults(cells: Cells, rows: list[Row]) -> Faults:
    """List rows that rest on a population which is not above them."""
    numbers = {cell["population"]: number for number, cell in cells}
    faults: Faults = []
    for row in rows:
        number = numbers[row.population]
        above = [ROOT, *(name for name, other in numbers.items() if other < number)]
        operands = row.boolean.operands if row.boolean else ()
        for name in filter(None, (row.on, *operands)):
            if name not in above:
                key = "on" if name == row.on else "of"
                faults.append((number, missing("population above", name, above, f"{key}={name}")))
    return faults
