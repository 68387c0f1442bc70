"""Where to cut one channel: steps that look at the data, tried in the order a template gives.

``control(untransduced, quantile=0.995) > valley`` is a chain. Each step either returns a threshold
or says why it cannot; the next one is tried, and what failed before is kept as the threshold's note.
When none can, the threshold is *refused*: a population without a number, never a guess.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gating.density import (
    Density,
    Valley,
    estimate_density,
    floor_spread,
    nearest_valley,
    peaks,
    resample_valley,
    valleys,
    widest_split,
)
from gating.errors import ThresholdError, missing
from gating.offsets import Line
from gating.options import OptionError, bind_options, split_options, split_outside
from gating.priors import MAX_SHIFT, Lesson, binned, decades, from_decades, misfit, shrunk
from gating.references import NOTHING_TAUGHT, Reference, Taught, common_cut, warped
from gating.tally import Tally
from gating.transforms import Linear, Transform, decade

__all__ = [
    "STEPS",
    "ControlValues",
    "Evidence",
    "Step",
    "Threshold",
    "fit_first",
    "fit_threshold",
    "in_decades",
    "lesson_name",
    "offset_threshold",
    "parse_chain",
    "taught_offset",
]

CONTROL_ROLES = ("untransduced", "fmo", "unstained")


@dataclass(frozen=True, slots=True, eq=False)
class ControlValues:
    """One channel of a control tube, within the same parent gate: (n,), linear, compensated."""

    source: str
    """File name of the control, or several joined by ``+``."""
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What a step may look at."""

    marker: str
    tally: Tally
    """Linear: the population the threshold is fitted on."""
    scale: Transform
    """The display scale densities are estimated on."""
    controls: Mapping[str, ControlValues] = field(default_factory=dict)
    """By role: the sample's controls for this marker."""
    on: str = ""
    """The population."""
    taught: Taught = NOTHING_TAUGHT
    """What other samples, or a person, say of it."""

    @property
    def n(self) -> int:
        """Events of the population."""
        return self.tally.n

    def density(self, smoothing: float = 1.5) -> Density:
        """Return the density on the display scale."""
        return estimate_density(self.scale(self.tally.values), smoothing=smoothing, counts=self.tally.counts)

    def below(self, place: float) -> "Evidence":
        """Return the same of the events below a place on the display scale."""
        return replace(self, tally=self.tally.below(float(self.scale.inverse([place])[0])))


@dataclass(frozen=True, slots=True)
class Threshold:
    """One cut on one channel, with where it came from and how far to trust it."""

    value: float
    """Linear scale; NaN when refused."""
    source: str
    """The step that placed it, and the control it looked at."""
    status: str
    """``sure``, ``weak`` (placed, but look at it) or ``refused`` (not placed)."""
    n: int
    """Events it was fitted on."""
    depth: float = float("nan")
    """Density at a valley over that at its lower peak: 0 clean, 1 none. NaN for other steps."""
    note: str = ""
    """Why it is weak or refused, and which steps before it could not decide."""
    origin: str = ""
    """What it rests on: ``data``, ``control``, ``batch``, ``reference``, ``person`` or, for the end of a scale,
    ``detector``; empty when refused."""
    spread: float = 0.0
    """Standard deviation of the cut on the display scale, from resampled events; 0 for a person's choice."""
    scale: Transform = field(default_factory=Linear)
    """The display scale it was placed on."""
    marker: str = ""
    """The channel it cuts, as the template names it."""
    on: str = ""
    """The population it was fitted on."""
    within: str = ""
    """The part of that population, if not all of it: ``CD45RA+``."""
    groups: int = 0
    """Groups that the density has by its valleys; 0 where none was looked for."""
    shift: float = 0.0
    """Decades by which a batch or a near valley moved it from where it was first placed."""
    asked: bool = False
    """Whether a step was tried that looks at other samples: what they say may change it."""

    @property
    def refused(self) -> bool:
        """Whether there is no threshold."""
        return self.status == "refused"

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the cut, linear scale; NaN when refused."""
        return self.moved(-Z95 * self.spread), self.moved(Z95 * self.spread)

    def moved(self, distance: float) -> float:
        """Return the cut moved by a distance on its display scale, linear."""
        if not distance or self.refused:
            return self.value
        place = self.scale(np.array([self.value])) + distance
        return float(self.scale.inverse(place)[0])


Z95 = 1.959963984540054
"""Standard normal quantile of 97.5 %."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a chain, as written and as called."""

    text: str
    fit: Callable[[Evidence], Threshold]
    role: str = ""
    """The control it needs, if any."""
    teacher: str = ""
    """``batch`` or ``reference`` if other samples teach it, else empty."""

    @property
    def shrinks(self) -> bool:
        """Whether it is a valley of the sample's own, moved towards those of its batch."""
        return self.teacher == "batch" and self.text.startswith("valley")


def valley(
    evidence: Evidence,
    *,
    which: str = "deepest",
    smoothing: float = 1.5,
    max_depth: float = 0.8,
    min_events: int = 1000,
    shrink: bool = False,
) -> Threshold:
    """Cut at the most prominent valley of the density, or with ``which=lowest`` below the group that has none in it.

    Cells that are dying lie between live and dead ones: the lowest valley is looked for among the events below the most
    prominent one, and so on, each time with the bandwidth of the events that are left.
    Below 1,000 events a valley is there or not by chance, and moves by several percentage points
    between resamples of one file; deeper than 0.8 of the lower peak it is a ripple. The cut's spread is
    that of the valley in 100 resamples of the events; one that fewer than half of them have is refused.
    ``shrink=yes`` moves it towards the valleys of its batch, by as much as it is less sure of itself than they are.
    """
    _enough(evidence, min_events)
    density, found, groups = _most_prominent(evidence, smoothing, max_depth)
    if which == "lowest":
        density, found, groups = _lowest(evidence, smoothing, max_depth, (density, found, groups))
    drawn, share = resample_valley(density, found, max_depth=max_depth)
    spread = float(np.hypot(drawn, floor_spread(density, found)))
    if share < 0.5:
        raise ThresholdError(f"a valley of depth {found.depth:.2f} that only {share:.0%} of resamples have")
    status, note = _trust(found.depth, share)
    source = "valley" if which == "deepest" else f"{which} valley"
    placed = _threshold(evidence, found.position, source, status, note, found.depth, spread)
    placed = replace(placed, groups=groups)
    return _towards_batch(placed, evidence) if shrink else placed


def offset_threshold(line: Line, scale: Transform, *, marker: str, on: str, within: str) -> Threshold:
    """Return the threshold that one line of an offset quadrant is."""
    status, note = _trust(line.depth, line.share)
    own = f"no valley of its own within {within}" if line.shared else ""
    return Threshold(
        float(scale.inverse([line.position])[0]),
        "valley",
        status,
        line.n,
        line.depth,
        "; ".join(filter(None, [own, note])),
        "data",
        line.spread,
        scale,
        marker,
        on,
        "" if line.shared else within,
    )


def _trust(depth: float, share: float) -> tuple[str, str]:
    """Say how far to trust a valley, and why not further."""
    reasons = [f"shallow valley (depth {depth:.2f})"] if depth > SHALLOW else []
    reasons += [f"{share:.0%} of resamples have the valley"] if share < SURE_SHARE else []
    return "weak" if reasons else "sure", "; ".join(reasons)


_Place = tuple[Density, Valley, int]
"""A density, a valley in it, and how many groups of events there are."""


def _most_prominent(evidence: Evidence, smoothing: float, max_depth: float) -> _Place:
    density = evidence.density(smoothing)
    every = valleys(density, max_depth=max_depth)
    if not every:
        raise ThresholdError(f"no valley of depth {max_depth:g} or less in {evidence.marker}")
    return density, max(every, key=lambda valley: valley.prominence), len(every) + 1


def _lowest(evidence: Evidence, smoothing: float, max_depth: float, start: _Place) -> _Place:
    """Look for a valley below one that was found, until there is none; with too few events below, it is not taken."""
    density, found, whole = start
    groups = 2
    while True:
        inside = evidence.below(found.position)
        every = valleys(inside.density(smoothing), max_depth=max_depth) if inside.n > 1 else []
        every = [one for one in every if (1 - one.share_above) * inside.n >= LEAST_BELOW * evidence.n]
        if not every:
            return density, found, max(groups, whole)
        density, found = inside.density(smoothing), max(every, key=lambda valley: valley.prominence)
        groups += 1


WHICH = ("deepest", "lowest")
LEAST_BELOW = 0.1
"""Share of events below the lowest valley: fewer are debris that takes up less dye than any cell, no live cells."""
SHALLOW = 0.5
"""Depth above which a valley is weak: the two sides overlap by as much as either stands out."""
SURE_SHARE = 0.95
"""Share of resamples that must have a valley for it to be sure: the usual level of confidence."""


def control(
    evidence: Evidence, *, role: str, quantile: float = 0.995, min_events: int = 200, shift: bool = False
) -> Threshold:
    """Cut at a quantile of a control tube within the same parent gate.

    With fewer than 1 / (1 - quantile) control events, the quantile is the largest event. Its spread is that of
    the order statistics around it, which needs no assumption on the shape. ``shift=yes`` moves the cut by the
    distance from the control's peak to the sample's nearest peak: for a negative that the other stains lift. A peak
    that lies beyond the quantile is positive by this very control: without a nearer one there is nothing to follow.
    Always weak: where negatives are wide it errs more than the quantile as it is.
    """
    if role not in evidence.controls:
        raise ThresholdError(f"no {role} control for {evidence.marker}")
    tube = evidence.controls[role]
    least = max(min_events, int(np.ceil(1 / (1 - quantile))))
    if len(tube.values) < least:
        raise ThresholdError(f"{tube.source} has {len(tube.values)} events in the parent gate, needs {least}")
    shown = np.sort(evidence.scale(tube.values))
    source = f"{quantile:g} quantile of {tube.source}"
    found = _threshold(evidence, np.nan, source, "sure", spread=_quantile_spread(shown, quantile))
    found = replace(found, value=float(np.quantile(tube.values, quantile)), n=len(tube.values), origin="control")
    if not shift:
        return found
    _enough(evidence, min_events)
    distance, reach = _negative_shift(shown, evidence.density()), _reach(shown, quantile)
    if not reach[0] <= distance <= reach[1]:
        raise ThresholdError(f"no peak of the sample is near the negative one of {tube.source}")
    note = f"moved by {distance / decade(evidence.scale):+.2f} decades, to the sample's negative peak"
    return replace(found, value=found.moved(distance), status="weak", note=note)


def batch(evidence: Evidence, *, max_shift: float = MAX_SHIFT) -> Threshold:
    """Cut where the samples of the batch have their valleys; always weak, as the sample itself was not asked.

    Its spread is that of one more sample of the batch: how much the others differ, widened where they are few. Refused
    where none of the sample's peaks lies within ``max_shift`` decades of one of the batch: it was measured otherwise.
    """
    prior = evidence.taught.prior
    if prior.refusal:
        raise ThresholdError(prior.refusal)
    shift = misfit(np.array(prior.counts), binned(evidence.tally))
    if shift is not None and abs(shift) > max_shift:
        raise ThresholdError(f"the sample's peaks lie {shift:+.2f} decades or more from those of {prior.batch}")
    note = f"placed by {prior.source}, which differ by {prior.between:.2f} decades from sample to sample"
    return _carried(evidence, prior.location, prior.spread, prior.source, "weak", note, origin="batch")


def reference(
    evidence: Evidence, *, how: str = "verbatim", within: float = 0.05, max_shift: float = MAX_SHIFT
) -> Threshold:
    """Cut where a person did on reference samples of the batch; the median where there are several.

    ``verbatim`` keeps the person's linear value, ``snap`` moves it to the sample's nearest valley, if one lies
    ``within`` this share of the display, and ``shape`` to where the reference's density, warped, becomes the sample's.
    On a reference sample itself the person's own cut holds. Weak where none of the sample's peaks lies within
    ``max_shift`` decades of one of a reference: it was measured otherwise.
    """
    found = evidence.taught.references
    if not found:
        raise ThresholdError(evidence.taught.refusal)
    source = "reference " + "+".join(one.sample for one in found)
    place, spread = common_cut(found)
    placed = _carried(evidence, place, spread, source, "sure", origin="reference")
    if how == "shape":
        placed = _by_shape(placed, evidence, found)
    if how == "snap":
        placed = _snapped(placed, evidence, within)
    shift = _least_shift(evidence, found)
    if shift is None or abs(shift) <= max_shift:
        return placed
    reason = f"the sample's peaks lie {shift:+.2f} decades or more from those of the reference"
    return replace(placed, status="weak", note="; ".join(filter(None, [placed.note, reason])))


def otsu(evidence: Evidence, *, min_events: int = 200) -> Threshold:
    """Cut where the variance between the two sides is largest; always weak, as it always finds one."""
    _enough(evidence, min_events)
    density = evidence.density()
    best = widest_split(density.counts, density.grid)
    cut = float((density.grid[best] + density.grid[best + 1]) / 2)
    return _threshold(evidence, cut, "otsu", "weak", "Otsu's split always finds a cut: look at it")


def mixture(evidence: Evidence, *, min_events: int = 500, max_overlap: float = 0.1) -> Threshold:
    """Cut where two normal components are equally likely; weak, and refused where they overlap much.

    The fit sees 256 quantiles of the displayed values, so neither order nor number of events moves it.
    """
    _enough(evidence, min_events)
    points = evidence.scale(evidence.tally.quantiles(*((i + 0.5) / 256 for i in range(256))))[:, None]
    from sklearn.mixture import GaussianMixture  # takes a second to load, and few templates ask for it

    model = GaussianMixture(2, means_init=np.quantile(points, [0.1, 0.9])[:, None], random_state=0).fit(points)
    low, high = np.sort(model.means_.ravel())
    between = np.linspace(low, high, 512)[:, None]
    upper = model.predict_proba(between)[:, int(np.argmax(model.means_))]
    cut = float(between[int(np.argmin(np.abs(upper - 0.5))), 0])
    certain = model.predict_proba(points).max(axis=1)
    overlap = float(1 - certain.mean())
    if overlap > max_overlap:
        raise ThresholdError(f"two normal components overlap by {overlap:.2f} (limit {max_overlap:g})")
    return _threshold(evidence, cut, "mixture", "weak", f"two-component fit (overlap {overlap:.2f})")


def at(evidence: Evidence, *, value: float) -> Threshold:
    """Cut at a stated value on the linear scale: a person's choice."""
    return replace(_threshold(evidence, np.nan, "template", "sure"), value=value, origin="person")


def refuse(evidence: Evidence) -> Threshold:
    """Place no cut: the last step of a chain that says so in the template."""
    raise ThresholdError(f"the template stops here for {evidence.marker}")


STEPS: dict[str, Callable[..., Threshold]] = {
    "valley": valley,
    "control": control,
    "batch": batch,
    "reference": reference,
    "otsu": otsu,
    "mixture": mixture,
    "at": at,
    "refuse": refuse,
}
_POSITIONAL = {"control": "role", "at": "value", "reference": "how"}
WAYS = ("verbatim", "snap", "shape")
"""How a reference's cut is carried to another sample."""


def parse_chain(text: str) -> tuple[Step, ...]:
    """Read ``control(fmo, quantile=0.995) > valley``.

    Raises
    ------
    OptionError
        If a step is unknown or its arguments are wrong.

    Examples
    --------
    >>> [step.text for step in parse_chain("control(fmo) > valley(smoothing=2)")]
    ['control(fmo)', 'valley(smoothing=2)']
    """
    return tuple(_parse_step(part) for part in split_outside(text, ">"))


def fit_threshold(chain: tuple[Step, ...], evidence: Evidence) -> Threshold:
    """Return what the first step that can decide says; refused when none can.

    A threshold that is not the first step's is at most weak: what was asked for was not there. Where a chain may
    look at references and a person placed this sample's own cut, that cut holds.
    """
    return fit_first(chain, [evidence])


def fit_first(chain: tuple[Step, ...], evidences: Sequence[Evidence]) -> Threshold:
    """Fit a chain on the first population it can be fitted on; refused when it can on none.

    A population after the first makes the threshold weak: it is placed where the events asked for did not lie.

    Raises
    ------
    ValueError
        If there is no population.
    """
    if not evidences:
        raise ValueError("no population to fit a threshold on")
    failures: list[_Failure] = []
    for evidence in evidences:
        if evidence.taught.own is not None and any(step.teacher == "reference" for step in chain):
            return _after(failures, _by_person(evidence, evidence.taught.own), evidence, None)
        for step in chain:
            try:
                return _after(failures, step.fit(evidence), evidence, step)
            except ThresholdError as error:
                failures.append(_Failure(step, evidence.on, str(error)))
    first = evidences[0]
    asked = any(failure.step.teacher for failure in failures)
    note = _reasons(failures, [evidence.on for evidence in evidences])
    refused = Threshold(float("nan"), "none", "refused", first.n, note=note, asked=asked)
    return replace(refused, scale=first.scale, marker=first.marker, on=first.on)


@dataclass(frozen=True, slots=True)
class _Failure:
    """A step that could not decide on a population, and why."""

    step: Step
    on: str
    reason: str


def _after(failures: Sequence[_Failure], placed: Threshold, evidence: Evidence, step: Step | None) -> Threshold:
    """Return what a step placed, with what failed before it; None for a person's cut."""
    asked = any(failure.step.teacher for failure in failures) or bool(step and step.teacher)
    if not failures:
        return replace(placed, asked=asked)
    where = f" on {evidence.on}" if any(failure.on != evidence.on for failure in failures) else ""
    how = f"placed by {step.text}{where}" if step else f"placed{where}"
    note = "; ".join(filter(None, [_reasons(failures, [] if where else [evidence.on]), placed.note, how]))
    return replace(placed, status="weak", note=note, asked=asked)


def _reasons(failures: Sequence[_Failure], tried: list[str]) -> str:
    """Say why each step failed, and on which populations, unless it is for the same reason on all that were tried."""
    places: dict[str, dict[str, list[str]]] = {}
    for failure in failures:
        places.setdefault(failure.step.text, {}).setdefault(failure.reason, []).append(failure.on)
    everywhere = list(dict.fromkeys(failure.on for failure in failures))
    start = "" if everywhere == tried or not failures else f"on {', '.join(everywhere)}: "
    said = [
        f"{step}: "
        + ", ".join(reason if on == everywhere else f"{reason} (on {', '.join(on)})" for reason, on in why.items())
        for step, why in places.items()
    ]
    return start + "; ".join(said)


def _parse_step(text: str) -> Step:
    name, bracket, rest = text.partition("(")
    name = name.strip()
    if name not in STEPS:
        raise OptionError(missing("method", name, STEPS, "chain"))
    if bracket and not rest.endswith(")"):
        raise OptionError(f"{text!r} has no closing parenthesis")
    options = _step_options(name, rest.removesuffix(")"))
    arguments: dict[str, Any] = bind_options(STEPS[name], options)
    if arguments.get("which", "deepest") not in WHICH:
        raise OptionError(missing("valley", str(arguments["which"]), WHICH, name))
    role = str(arguments.get("role", ""))
    if role and role not in CONTROL_ROLES:
        raise OptionError(missing("control role", role, CONTROL_ROLES, name))
    if not 0 < arguments.get("quantile", 0.5) < 1:
        raise OptionError(f"quantile={arguments['quantile']:g}; it must lie between 0 and 1")
    if arguments.get("how", "verbatim") not in WAYS:
        raise OptionError(missing("way", arguments["how"], WAYS, name))
    teacher = "batch" if arguments.get("shrink") else name if name in {"batch", "reference"} else ""
    return Step(text, partial(STEPS[name], **arguments), role, teacher)


def _step_options(name: str, inside: str) -> dict[str, str]:
    """Read the arguments of a step; the first may stand without its key."""
    parts = split_outside(inside, ",")
    if parts and "=" not in parts[0] and name in _POSITIONAL:
        parts[0] = f"{_POSITIONAL[name]}={parts[0]}"
    return split_options(",".join(parts), ",")


def _enough(evidence: Evidence, least: int) -> None:
    if evidence.n < least:
        raise ThresholdError(f"{evidence.n} events, needs {least}")
    if len(evidence.tally.values) == 1:
        raise ThresholdError(f"all {evidence.n} events have the value {evidence.tally.values[0]:g}")


def _quantile_spread(ordered: NDArray[np.float64], quantile: float) -> float:
    """Return the standard error of a quantile from the order statistics one binomial deviation around it.

    References
    ----------
    .. [1] David HA, Nagaraja HN. Order Statistics. 3rd ed. Wiley 2003, section 7.1.
    """
    n = len(ordered)
    deviation = np.sqrt(quantile * (1 - quantile) / n)
    low, high = np.quantile(ordered, np.clip([quantile - deviation, quantile + deviation], 0, 1))
    return float(high - low) / 2


def _reach(tube: NDArray[np.float64], quantile: float) -> tuple[float, float]:
    """Return how far from its main peak a control's quantile lies, and the one of the other side, display scale."""
    main = peaks(estimate_density(tube))[0]
    low, high = np.quantile(tube, [1 - quantile, quantile])
    return float(low) - main, float(high) - main


def _negative_shift(tube: NDArray[np.float64], sample: Density) -> float:
    """Return how far the sample's peak nearest to the control's main peak lies from it, display scale."""
    main = peaks(estimate_density(tube))[0]
    return float(min((peak - main for peak in peaks(sample)), key=abs))


def _threshold(
    evidence: Evidence,
    cut: float,
    source: str,
    status: str,
    note: str = "",
    depth: float = float("nan"),
    spread: float = 0.0,
) -> Threshold:
    """Take a cut on the display scale back to the linear one."""
    value = float(evidence.scale.inverse(np.array([cut]))[0])
    return Threshold(
        value, source, status, evidence.n, depth, note, "data", spread, evidence.scale,
        evidence.marker, evidence.on,
    )  # fmt: skip


def _by_person(evidence: Evidence, own: Reference) -> Threshold:
    """Return the cut that a person placed on this sample."""
    placed = _threshold(evidence, np.nan, " ".join(filter(None, ["placed by", own.who or "a person"])), "sure", own.why)
    return replace(placed, value=own.cut, origin="person")


def _carried(
    evidence: Evidence, place: float, spread: float, source: str, status: str, note: str = "", *, origin: str
) -> Threshold:
    """Return a cut given in decades, with its spread on the display scale."""
    ends = evidence.scale(from_decades([place - spread, place + spread]))
    placed = _threshold(evidence, np.nan, source, status, note, spread=float(ends[1] - ends[0]) / 2)
    return replace(placed, value=float(from_decades(place)), origin=origin)


def in_decades(threshold: Threshold) -> tuple[float, float]:
    """Return a cut and its spread in decades, the scale that samples share."""
    low, high = decades([threshold.moved(-threshold.spread), threshold.moved(threshold.spread)])
    return float(decades(threshold.value)), float(high - low) / 2


def taught_offset(placed: Threshold, evidence: Evidence) -> Threshold:
    """Move one line of an offset quadrant towards its batch; one without a valley of its own takes the batch's.

    Parameters
    ----------
    placed
        From :func:`offset_threshold`.
    evidence
        Of the whole population, with what the batch says of this line.
    """
    if placed.within:
        moved = _towards_batch(placed, evidence)
    else:
        try:
            moved = batch(evidence)
        except ThresholdError as error:
            note = "; ".join(filter(None, [placed.note, f"not moved towards its batch: {error}"]))
            return replace(placed, note=note, asked=True)
    return replace(moved, n=placed.n, within=placed.within, asked=True)


def lesson_name(marker: str, within: str) -> str:
    """Return what a lesson of one line of an offset quadrant is called: ``CD62L|CD45RA+``."""
    return f"{marker}|{within}" if within else marker


def _towards_batch(placed: Threshold, evidence: Evidence) -> Threshold:
    """Move a sample's own cut towards its batch, and say by how much; leave it where the batch cannot teach.

    Its spread stays: a valley lies beside the best cut for reasons that all samples of a batch share, and what they
    share is not averaged out.
    """
    prior = evidence.taught.prior
    if prior.refusal:
        note = f"not moved towards its batch: {prior.refusal}"
        return replace(placed, note="; ".join(filter(None, [placed.note, note])))
    own = in_decades(placed)
    place, _ = shrunk(prior, *own)
    note = f"moved by {place - own[0]:+.3f} decades towards {prior.source}"
    moved = _carried(evidence, place, own[1], placed.source, placed.status, origin="data")
    note = "; ".join(filter(None, [placed.note, note]))
    return replace(moved, depth=placed.depth, groups=placed.groups, note=note, shift=place - own[0])


def _snapped(placed: Threshold, evidence: Evidence, within: float) -> Threshold:
    """Move a cut to the nearest valley, if one is near; its spread grows by that of the valley."""
    if evidence.n < 2 or evidence.tally.values[0] == evidence.tally.values[-1]:
        return replace(placed, note="no valley to snap to: fewer than two values")
    density = evidence.density()
    width = float(np.ptp(density.grid)) if isinstance(evidence.scale, Linear) else 1.0
    here = float(evidence.scale([placed.value])[0])
    found = nearest_valley(density, here, within=within * width)
    if found is None:
        return replace(placed, note=f"no valley within {within:.0%} of the display: left where the reference has it")
    spread, _ = resample_valley(density, found)
    value = float(evidence.scale.inverse([found.position])[0])
    shift = float(decades(value)) - float(decades(placed.value))
    note = f"snapped by {shift:+.2f} decades to the nearest valley"
    both = float(np.hypot(placed.spread, spread))
    return replace(placed, value=value, depth=found.depth, spread=both, note=note, shift=shift)


def _by_shape(placed: Threshold, evidence: Evidence, references: Sequence[Reference]) -> Threshold:
    """Move a cut to where the references' densities, warped, become the sample's; the median of several."""
    here = Lesson("", binned(evidence.tally))
    known = [(one, one.lesson) for one in references if one.lesson is not None and one.lesson.counts.any()]
    if not known or not evidence.n:
        return replace(placed, note="no density to compare: left where the reference has it")
    place = float(np.median([warped(lesson, float(decades(one.cut)), here) for one, lesson in known]))
    shift = place - float(decades(placed.value))
    note = f"moved by {shift:+.2f} decades to where the reference's shape has it"
    return replace(placed, value=float(from_decades(place)), note=note, shift=shift)


def _least_shift(evidence: Evidence, references: Sequence[Reference]) -> float | None:
    """Return how far the sample's peaks lie from those of the reference most like it; None if it cannot be told."""
    here = binned(evidence.tally)
    shifts = [misfit(one.lesson.counts, here) for one in references if one.lesson is not None]
    return min((shift for shift in shifts if shift is not None), key=abs, default=None)
