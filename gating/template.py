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
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from gating.errors import TemplateError, missing
from gating.frames import Fit, Frame
from gating.gates import BooleanGate
from gating.methods import BOOLEANS, CHAIN_OPTIONS, DIMENSIONS, METHODS, check_arguments, cut
from gating.options import OptionError, bind_options, split_options, split_outside
from gating.thresholds import STEPS, Step, lesson_name, parse_chain

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
    taught: tuple[tuple[str, str, str], ...] = ()
    """What other samples may teach it: ``batch`` or ``reference``, population the threshold is fitted on, marker."""
    by: tuple[str, ...] = ()
    """Two lineages whose events have thresholds of their own; empty once the row is divided."""
    on: tuple[str, ...] = ()
    """The populations its thresholds are fitted on: the first that can be; none for the parent."""
    lineage: str = ""
    """``part`` or ``rest`` for the populations that ``by=`` divides a parent into: one lineage, and all else."""
    merged: bool = False
    """Whether it joins again what ``by=`` has divided."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Populations that must come before this one."""
        operands = self.boolean.operands if self.boolean else ()
        return tuple(dict.fromkeys((self.parent, *self.on, *operands)))

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

    def above(self, populations: Iterable[str]) -> "GatingTemplate":
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
    written: list[tuple[int, Row]] = []
    for number, cell in cells:
        try:
            written.append((number, _parse_row(cell)))
        except OptionError as error:
            faults.append((number, str(error)))
    faults += _reference_faults(written, cells)
    rows = _divided([row for _, row in written])
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
    row = Row(cell["population"], cell.get("parent", ""), channels, method, cell.get("arguments", ""), optional)
    if method in BOOLEANS:
        return _boolean_row(row, options)
    function = METHODS.get(method)
    if method == "quadrant" or function is None:
        row = _fitted_on(row, options)
    if function is None:
        return _chain_row(row, options)
    arguments = bind_options(function, options, CHAIN_OPTIONS)
    check_arguments(arguments)
    _check_dimensions(method, channels)
    defaults = function.__kwdefaults__ or {}
    chains = [arguments.get(axis, defaults.get(axis, ())) for axis in ("x", "y")] if method == "quadrant" else []
    return _with_needs(replace(row, fit=partial(function, **arguments)), chains)


def _fitted_on(row: Row, options: dict[str, str]) -> Row:
    """Take ``on=`` and ``by=`` from the options: which events a threshold is fitted on."""
    on = tuple(split_outside(options.pop("on", ""), ">"))
    by = tuple(part.strip() for part in options.pop("by", "").split("|") if part.strip())
    if by and len(by) != 2:
        raise OptionError(f"by={'|'.join(by)}: name two populations, of which the second's thresholds cut all the rest")
    return replace(row, on=on, by=by)


def _boolean_row(row: Row, options: dict[str, str]) -> Row:
    if row.channels:
        raise OptionError(f"method {row.method!r} takes populations, not channels: leave the cell empty, say of=...")
    unknown = [key for key in options if key != "of"]
    if unknown:
        raise OptionError(missing("argument", unknown[0], ["of"], row.method))
    operands = tuple(part.strip() for part in options.get("of", "").split("|") if part.strip())
    if not operands or (row.method == "not" and len(operands) != 1):
        raise OptionError(f"method {row.method!r} needs of=POPULATION{'' if row.method == 'not' else '|POPULATION'}")
    return replace(row, boolean=BooleanGate(row.method, operands))


def _chain_row(row: Row, options: dict[str, str]) -> Row:
    first = row.method.partition("(")[0].partition(">")[0].strip()
    if first not in STEPS:
        known = [*METHODS, *BOOLEANS, *STEPS]
        raise OptionError(missing("method", first, known, "").removeprefix(": "))
    if "chain" in options:
        raise OptionError("the chain of steps goes into the method column, not into arguments")
    chain = parse_chain(row.method)
    arguments: dict[str, Any] = bind_options(cut, {"chain": row.method, **options}, CHAIN_OPTIONS)
    check_arguments(arguments)
    _check_dimensions(row.method, row.channels)
    return _with_needs(replace(row, fit=partial(cut, **arguments)), [chain])


def _check_dimensions(method: str, channels: tuple[str, ...]) -> None:
    wanted = DIMENSIONS.get(method, (1,))
    if len(channels) not in wanted:
        need = " or ".join(map(str, wanted))
        raise OptionError(
            f"method {method!r} needs {need} channel{'s' if need != '1' else ''}, found "
            f"{len(channels)}: {'|'.join(channels) or 'none'}; separate two with |"
        )


def _with_needs(row: Row, chains: list[tuple[Step, ...]]) -> Row:
    """Note which controls and which other samples a row may look at, in each population it may be fitted on."""
    populations = dict.fromkeys((*row.by, *(row.on or (row.parent,))))
    steps = [
        (step, population, marker)
        for chain, marker in zip(chains, row.channels, strict=False)
        for step in chain
        for population in populations
    ]
    controls = tuple((step.role, population, marker) for step, population, marker in steps if step.role)
    taught = tuple((step.teacher, population, marker) for step, population, marker in steps if step.teacher)
    if len(chains) == 2 and chains[0] and chains[0][0].shrinks and "offset=yes" in row.arguments.replace(" ", ""):
        taught += _offset_lessons(row, populations)
    return replace(row, controls=controls, taught=taught)


def _offset_lessons(row: Row, populations: Iterable[str]) -> tuple[tuple[str, str, str], ...]:
    """List what a batch may teach of the three lines of an offset quadrant."""
    x, y = row.channels
    names = (lesson_name(x, f"{y}+"), lesson_name(x, f"{y}-"), lesson_name(y, f"{x}+"))
    return tuple(("batch", population, name) for population in populations for name in names)


def _divided(rows: list[Row]) -> list[Row]:
    """Replace each row that goes ``by=`` two lineages by one row for each, and one that joins them again."""
    found: dict[str, Row] = {}
    for row in rows:
        for each in _by_lineage(row) if row.by else [row]:
            found.setdefault(each.population, each)
    return list(found.values())


def _by_lineage(row: Row) -> list[Row]:
    """Divide the parent into the first lineage and all else, which the second lineage's thresholds cut.

    Examples
    --------
    >>> template = parse_template('''population,parent,channels,method,arguments
    ... CD4,root,CD4,valley,
    ... CD8,root,CD8,valley,
    ... naive,root,CCR7|CD45RA,quadrant,quadrant=++; by=CD4|CD8
    ... ''')
    >>> template.populations
    ('CD4', 'CD8', 'root (CD4)', 'root (not CD4)', 'naive (CD4)', 'naive (not CD4)', 'naive')
    """
    first = row.by[0]
    whole = row.on or (row.parent,)
    names = (first, f"not {first}")
    halves = [
        Row(f"{row.parent} ({names[0]})", row.parent, (), "and", f"of={first}", boolean=BooleanGate("and", (first,))),
        Row(f"{row.parent} ({names[1]})", row.parent, (), "not", f"of={first}", boolean=BooleanGate("not", (first,))),
    ]
    halves = [replace(half, lineage=kind) for half, kind in zip(halves, ("part", "rest"), strict=True)]
    parts = [
        replace(row, population=f"{row.population} ({name})", parent=half.population, on=(on, *whole), by=())
        for name, half, on in zip(names, halves, row.by, strict=True)
    ]
    joined = BooleanGate("or", tuple(part.population for part in parts))
    return [*halves, *parts, replace(row, fit=None, boolean=joined, merged=True, by=(), on=(), controls=(), taught=())]


def _reference_faults(written: list[tuple[int, Row]], cells: Cells) -> Faults:
    """List rows that rest on a population which is not above them."""
    numbers = {cell["population"]: number for number, cell in cells}
    faults: Faults = []
    for number, row in written:
        above = [ROOT, *(name for name, other in numbers.items() if other < number)]
        operands = row.boolean.operands if row.boolean else ()
        for key, names in (("on", row.on), ("by", row.by), ("of", operands)):
            faults += [
                (number, missing("population above", name, above, f"{key}={name}"))
                for name in names
                if name not in above
            ]
    return faults
