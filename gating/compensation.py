"""Spillover: reading the matrix, refusing a bad one, and taking it out of the events, once.

Every fluorochrome shines into detectors that are not its own. A spillover matrix says how much of a
fluorochrome's signal (row) each detector (column) sees, relative to its own detector: 1 on the diagonal.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gating.errors import CompensationError
from gating.markers import plain
from gating.sample import Channel, Described, Sample

__all__ = [
    "Spillover",
    "compensate",
    "declare_uncompensated",
    "file_spillover",
    "parse_spillover",
    "read_spillover",
    "unmixing",
]

KEYWORDS = ("$SPILLOVER", "SPILLOVER", "SPILL", "$SPILL", "$COMP")
"""FCS 3.1, then what vendors wrote before it, then FCS 3.0, whose matrix has no channel names."""
WORST_CONDITION = 1e6
"""Noise of one part in a million of the brightest signal then becomes as large as the dimmest."""
IDENTITY_WITHIN = 1e-4
"""Cytek writes a spillover of ones and 0.000001 into its unmixed files."""
_COUNT = re.compile(r"[1-9][0-9]{0,3}")
"""A number of channels, or of a channel: ``str.isdigit`` also takes what ``int`` does not."""
BLOCK = 16_384
"""Events compensated at a time: they stay in the processor's cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Spillover:
    """How much of each fluorochrome (rows) each detector (columns) sees.

    Raises
    ------
    CompensationError
        Unless the matrix is square, with a channel per row, each named once, and its numbers are finite; if it is
        singular or its condition number is above 1e6; if it is in percent.
    """

    channels: tuple[str, ...]
    """$PnN, in the order of rows and of columns."""
    matrix: NDArray[np.float64]
    """(k, k), read-only; 1 on the diagonal."""
    source: str = "matrix"
    """Where it is from: ``"$SPILLOVER"``, ``"matrix.csv"``; a compensated sample is marked with it."""

    def __post_init__(self) -> None:
        matrix = np.array(self.matrix, dtype=np.float64)
        matrix.flags.writeable = False
        object.__setattr__(self, "channels", tuple(self.channels))
        object.__setattr__(self, "matrix", matrix)
        object.__setattr__(self, "source", self.source.strip() or "matrix")
        fault = _shape_fault(self) or _number_fault(self)
        if fault:
            raise CompensationError(f"{self.source}: spillover {fault}")

    @property
    def condition(self) -> float:
        """Condition number: how much compensation may amplify noise; 1 at best."""
        return float(np.linalg.cond(self.matrix))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is odd but usable; compensated samples carry it on."""
        found = []
        diagonal = self.matrix.diagonal()
        off = [f"{channel} {value:g}" for channel, value in zip(self.channels, diagonal, strict=True) if value != 1]
        if off:
            found.append(f"{self.source}: diagonal is not 1 at {', '.join(off)}; signals there are rescaled.")
        return tuple(found)


def parse_spillover(text: str, where: str) -> Spillover:
    """Read a matrix in the form of the $SPILLOVER keyword.

    ``n,name1,...,namen,s11,s12,...,snn``: the number of channels, their names, then row by row how much of
    the first, second, ... fluorochrome each channel sees, as FCS 3.1 defines it.

    Parameters
    ----------
    text
        The keyword's value.
    where
        What the messages begin with, and the ``source`` of the result.

    Raises
    ------
    CompensationError
        If the text is cut short, too long, or holds what is no number, and for any matrix that
        :class:`Spillover` refuses.

    Examples
    --------
    >>> parse_spillover("2,FITC-A,PE-A,1,0.1,0.02,1", "$SPILLOVER").matrix
    array([[1.  , 0.1 ],
           [0.02, 1.  ]])
    >>> parse_spillover("2,FITC-A,PE-A,1,0.1,0.02", "pt07.fcs: $SPILLOVER")
    Traceback (most recent call last):
    gating.errors.CompensationError: pt07.fcs: $SPILLOVER: 3 numbers for 2 channels; 2 x 2 = 4 are needed
    """
    count, fields = _counted(text, where)
    names, numbers = fields[:count], fields[count:]
    if len(numbers) != count * count:
        raise CompensationError(
            f"{where}: {len(numbers)} numbers for {count} channels; "
            f"{count} x {count} = {count * count} are needed{_size_hint(count, fields)}"
        )
    return Spillover(tuple(names), _matrix(numbers, count, where), where)


def file_spillover(sample: Described) -> Spillover | None:
    """Return the spillover matrix that a sample's file carries; None if it carries none.

    Looks for $SPILLOVER, SPILLOVER, SPILL, $SPILL and $COMP, in this order. Channels given by number are
    those of $PnN. FCS 3.0's ``$COMP`` names no channels: it is taken for the fluorescence channels in the order of
    the file, if there are just as many and it looks like a spillover matrix, and refused otherwise.

    Returns
    -------
    Spillover or None
        Its ``source`` is the keyword.

    Raises
    ------
    CompensationError
        If the keyword cannot be read, or names channels that the sample does not have.
    """
    for keyword in KEYWORDS:
        text = sample.keywords.get(keyword, "").strip()
        if text and text != "0":
            where = f"{sample.name}: {keyword}"
            unnamed = keyword == "$COMP" and _is_unnamed(text)
            found = _unnamed_spillover(text, where, sample) if unnamed else parse_spillover(text, where)
            channels = _named_channels(found.channels, sample.channels)
            _check_channels(channels, sample, where)
            return replace(found, channels=channels, source=keyword)
    return None


def read_spillover(path: Path | str) -> Spillover:
    """Read a matrix from a CSV file.

    The first line names the detectors. A first column may name the fluorochromes by their own
    detector, in any order; without it they are in the order of the first line. Comma, semicolon or tab separate;
    with the latter two a decimal comma is understood.

    Returns
    -------
    Spillover
        Its ``source`` is the file's name.

    Raises
    ------
    CompensationError
        If the file cannot be read, rows and columns name different channels, or a cell is no number,
        and for any matrix that :class:`Spillover` refuses.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CompensationError(f"{path.name}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CompensationError(f"{path.name}: is not UTF-8 text; save the matrix as CSV UTF-8") from error
    return _table_spillover(_lines(text, path.name), path.name)


def compensate(sample: Sample, spillover: Spillover) -> Sample:
    """Return the sample with spillover removed from its fluorescence channels.

    Every measured event is a mixture ``measured = true @ S`` of the fluorochromes'
    signals; this solves for ``true``. Channels outside the matrix stay as they are.

    Parameters
    ----------
    sample
        Uncompensated; events of shape (n, p), linear scale.
    spillover
        Each of its channels must be in the sample.

    Returns
    -------
    Sample
        Marked as compensated, with the matrix' source and warnings. Negative values are expected and kept.
        Each event's values depend on that event alone, to the last bit.

    Raises
    ------
    CompensationError
        If the sample is compensated already, by us, by the program that exported it or by unmixing, which a matrix
        without spillover also says; or if a channel of the matrix is not in it.

    References
    ----------
    .. [1] Bagwell CB, Adams EG. Ann N Y Acad Sci 1993;677:167-184.

    Examples
    --------
    >>> channels = (Channel("FITC-A"), Channel("PE-A"))
    >>> stained = Sample("FITC only", channels, np.array([[200.0, 20.0]]))
    >>> spillover = Spillover(("FITC-A", "PE-A"), np.array([[1, 0.1], [0, 1]]))
    >>> compensate(stained, spillover).events.round(6) + 0.0
    array([[200.,   0.]])
    """
    _refuse_compensated(sample)
    _check_channels(spillover.channels, sample, f"{sample.name}: {spillover.source}")
    _refuse_corrected(sample, spillover)
    names = [channel.name for channel in sample.channels]
    columns = [names.index(channel) for channel in spillover.channels]
    events = sample.events.copy(order="K")
    unmix = unmixing(spillover)
    for start in range(0, len(events), BLOCK):
        block = events[start : start + BLOCK]
        block[:, columns] = _weighted_sums(np.ascontiguousarray(block[:, columns].T), unmix).T
    warnings = (*sample.warnings, *spillover.warnings)
    return replace(sample, events=events, compensation=spillover.source, warnings=warnings)


def unmixing(spillover: Spillover) -> NDArray[np.float64]:
    """Return what each detector (rows) gives to each fluorochrome's signal (columns), (k, k): the inverse."""
    return np.asarray(np.linalg.inv(spillover.matrix), dtype=np.float64)


def declare_uncompensated(sample: Sample, reason: str = "none (declared)") -> Sample:
    """Return the sample marked as needing no compensation, because a person said so.

    Raises
    ------
    CompensationError
        If the sample is compensated already, or there is no reason to mark it with.

    Examples
    --------
    >>> declare_uncompensated(Sample("one colour", (Channel("PE-A"),), np.zeros((1, 1)))).compensation
    'none (declared)'
    """
    _refuse_compensated(sample)
    if not reason.strip():
        raise CompensationError(f"{sample.name}: no reason given; say why it needs no compensation")
    return replace(sample, compensation=reason)


def _weighted_sums(signals: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``weights.T @ signals``, summed in one order for every event.

    A matrix product is faster, but may round an event differently for its place in the file.
    """
    sums, part = np.zeros_like(signals), np.empty_like(signals[0])
    for source, target in np.argwhere(weights):
        sums[target] += np.multiply(signals[source], weights[source, target], out=part)
    return sums


def _shape_fault(spillover: Spillover) -> str:
    """Say what is wrong with the shape or the names; empty if nothing is."""
    shape, names = spillover.matrix.shape, spillover.channels
    if len(shape) != 2 or shape[0] != shape[1]:
        return f"is {' x '.join(map(str, shape))}; it must be square"
    if len(names) != len(spillover.matrix):
        return f"is {shape[0]} x {shape[1]} for {len(names)} channels; it needs one row and column for each"
    if not names or not all(names):
        return "has a channel without a name; name each by its $PnN"
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        return f"names {', '.join(repeated)} twice; each channel has one row and column"
    return ""


def _number_fault(spillover: Spillover) -> str:
    """Say what is wrong with the numbers; empty if nothing is."""
    matrix = spillover.matrix
    if not np.isfinite(matrix).all():
        row, column = (spillover.channels[i] for i in np.argwhere(~np.isfinite(matrix))[0])
        return f"of {row} into {column} is not a finite number"
    if (matrix.diagonal() == 100).all():
        return "is in percent (100 on the diagonal); divide it by 100"
    condition = spillover.condition
    if not condition < 1e15:
        return "is singular: the signal of one channel is a mixture of others, and cannot be told from them"
    if condition > WORST_CONDITION:
        return f"has condition number {condition:.1e}; above {WORST_CONDITION:.0e} the result is amplified noise"
    return ""


def _is_identity(matrix: NDArray[np.float64]) -> bool:
    return bool(np.abs(matrix - np.eye(len(matrix))).max() <= IDENTITY_WITHIN)


def _counted(text: str, where: str) -> tuple[int, list[str]]:
    """Return the number of channels, and the fields after it."""
    first, *fields = (field.strip() for field in text.split(","))
    if not _COUNT.fullmatch(first):
        raise CompensationError(f"{where}: begins with {first[:40]!r}; it must begin with the number of channels")
    return int(first), fields


def _size_hint(count: int, fields: Sequence[str]) -> str:
    """Say why a keyword may have the wrong number of fields."""
    names = next((place for place, field in enumerate(fields) if _is_number(field)), len(fields))
    if 0 < names != count:
        return f". It names {names} channels"
    numbers = fields[count:]
    commas = len(numbers) > count * count and all(re.fullmatch(r"-?\d+", number) for number in numbers)
    return "; decimals must have a point, not a comma" if commas else ""


def _matrix(cells: Sequence[str], count: int, where: str) -> NDArray[np.float64]:
    """Turn cells, row by row, into ``count`` rows of numbers."""
    for place, cell in enumerate(cells):
        if not _is_number(cell):
            row = place // count + 1
            raise CompensationError(f"{where}: {cell!r} in row {row} of the matrix; a spillover is a number like 0.12")
    return np.array(cells, dtype=np.float64).reshape(count, -1)


def _is_unnamed(text: str) -> bool:
    """Whether a $COMP is of the form of FCS 3.0: n, then n x n numbers."""
    count, *fields = map(str.strip, text.split(","))
    return not (_COUNT.fullmatch(count) and len(fields) == int(count) * (int(count) + 1))


def _unnamed_spillover(text: str, where: str, sample: Described) -> Spillover:
    """Read the $COMP of FCS 3.0; refuse it where its channels or its meaning are ambiguous.

    It names no parameters, and a reader can tell spillover from percent or from its inverse only by the look of
    it. FCS 3.1 replaced it by $SPILLOVER.
    """
    count, fields = _counted(text, where)
    if len(fields) != count * count:
        raise CompensationError(f"{where}: {len(fields)} numbers for {count} channels; {count * count} are needed")
    matrix = _matrix(fields, count, where)
    fluorescence = [channel.name for channel in sample.channels if channel.kind == "fluorescence"]
    way_out = "give the matrix as a CSV file that names its channels"
    if count != len(fluorescence):
        raise CompensationError(
            f"{where}: is for {count} channels that it does not name, and the file has {len(fluorescence)} "
            f"fluorescence channels ({', '.join(fluorescence) or 'none'}); {way_out}"
        )
    if (matrix.diagonal() != 1).any() or (matrix < 0).any():
        raise CompensationError(
            f"{where}: may be an inverse or in percent, as its diagonal is not 1 or it has negative numbers; {way_out}"
        )
    return Spillover(tuple(fluorescence), matrix, where)


def _named_channels(names: Sequence[str], channels: Sequence[Channel]) -> tuple[str, ...]:
    """Replace the numbers of channels, counted from 1, by $PnN; Navios writes numbers."""
    known = [channel.name for channel in channels]
    numbered = all(_COUNT.fullmatch(name) and int(name) <= len(known) for name in names)
    if numbered and not set(names) <= set(known):
        return tuple(known[int(name) - 1] for name in names)
    return tuple(names)


def _check_channels(names: Sequence[str], sample: Described, where: str) -> None:
    """Refuse channels that the sample does not have; suggest those that may be meant."""
    known = [channel.name for channel in sample.channels]
    absent = [name for name in names if name not in known]
    if not absent:
        return
    hints = [f"{name!r}{_suggestion(name, sample.channels)}" for name in absent]
    raise CompensationError(
        f"{where}: no channel {', '.join(hints)} in the file; the matrix must use the names of $PnN. "
        f"Known: {', '.join(known)}"
    )


def _suggestion(name: str, channels: Sequence[Channel]) -> str:
    """Suggest the channel that is the same but for case, punctuation, ``Comp-``, ``-A``, or named by its marker."""
    meant = _bare(name)
    same = [c.name for c in channels if meant in {_bare(c.name), _bare(c.marker) or None}]
    close = same[:1] or get_close_matches(name, [c.name for c in channels], n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _bare(name: str) -> str:
    text = re.sub(r"^(fj)?comp[-_ ]|[-_ ]a$", "", name.strip().casefold())
    return plain(text)


def _refuse_compensated(sample: Sample) -> None:
    if sample.compensated:
        raise CompensationError(
            f"{sample.name} is compensated already ({sample.compensation}); a second time would over-correct"
        )


def _refuse_corrected(sample: Sample, spillover: Spillover) -> None:
    """Refuse data from which another program took the spillover before us."""
    corrected = [name for name in spillover.channels if re.match(r"(?i)(fj)?comp[-_ ]", name)]
    if corrected:
        raise CompensationError(
            f"{sample.name}: {', '.join(corrected)} were compensated by the program that exported them; "
            f'say source = "none" under [compensation]'
        )
    if _is_identity(spillover.matrix):
        raise CompensationError(
            f"{sample.name}: {spillover.source} is the identity, which takes nothing out: the data were compensated or "
            f'unmixed before, or the matrix was never set; say source = "none" under [compensation] if they were'
        )
    if _is_unmixed(sample.keywords, spillover.channels):
        raise CompensationError(
            f"{sample.name}: is unmixed data of a spectral cytometer ({sample.keywords['$CYT']}), "
            f"and {spillover.source} would be taken out a second time; "
            f'say source = "none" under [compensation]'
        )


def _is_unmixed(keywords: Mapping[str, str], channels: Sequence[str]) -> bool:
    """Whether channels are fluorochromes of a Cytek spectral cytometer; its detectors are V1-A, YG10-A ..."""
    spectral = re.search(r"(?i)aurora|northern lights", keywords.get("$CYT", ""))
    detectors = (re.fullmatch(r"(UV|V|B|YG|R|IR|DUV)\d+-[AHW]", channel) for channel in channels)
    return bool(spectral) and not any(detectors)


def _lines(text: str, where: str) -> list[list[str]]:
    """Split a file into cells; empty lines are left out."""
    separator = max(",;\t", key=text.partition("\n")[0].count)
    try:
        cells = [[cell.strip() for cell in line] for line in csv.reader(io.StringIO(text), delimiter=separator)]
    except csv.Error as error:
        raise CompensationError(f"{where}: is not a CSV file: {error}") from error
    lines = [line for line in cells if any(line)]
    if len(lines) < 2:
        raise CompensationError(f"{where}: {len(lines)} lines; a matrix has one of channels, then one for each")
    if separator != ",":
        lines[1:] = [[cell.replace(",", ".") for cell in line] for line in lines[1:]]
    return lines


def _table_spillover(lines: list[list[str]], where: str) -> Spillover:
    """Make a matrix of the cells of a file, its first line naming channels."""
    header, rows = lines[0], lines[1:]
    named = not _is_number(rows[0][0])
    corner = 1 if named and len(header) == len(rows[0]) else 0
    columns = (header[0].removeprefix("#").strip(), *header[1:])[corner:]
    fluorochromes = [row[0] for row in rows] if named else list(columns)
    cells = [row[1:] if named else row for row in rows]
    for number, row in enumerate(cells, start=2):
        if len(row) != len(columns):
            raise CompensationError(
                f"{where}: line {number} has {len(row)} numbers for {len(columns)} channels; one for each is needed"
            )
    if len(cells) != len(columns):
        raise CompensationError(f"{where}: spillover is {len(cells)} x {len(columns)}; it must be square")
    if sorted(fluorochromes) != sorted(columns):
        only = sorted(set(fluorochromes) ^ set(columns)) or sorted(fluorochromes)
        raise CompensationError(f"{where}: rows and columns name different channels: {', '.join(only)} not in both")
    order = [fluorochromes.index(name) for name in columns]
    return Spillover(columns, _matrix([cell for row in cells for cell in row], len(cells), where)[order], where)


def _is_number(text: str) -> bool:
    """Whether a cell is a number; of what ``float`` takes, ``1_0`` and the digits of other scripts are none."""
    return (
        re.fullmatch(r"[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|nan|inf(inity)?)", text.strip(), re.I)
        is not None
    )
