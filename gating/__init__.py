"""FCS events to populations: reading, compensation, gates from data or from a person, counts.

Words used throughout, one for one thing:

========== ==========================================================================================
events     (n, p) or (n, d), always linear; one row per particle the cytometer saw
values     (n,) or (n, d) on a display scale
members    (n,) boolean, one per event of the sample
channel    one column; ``name`` is $PnN (``BV421-A``), ``marker`` is $PnS (``CD62L``)
spillover  the matrix, fluorochromes in rows; *compensate* is the verb that undoes it
transform  linear signal to display value, with an inverse
gate       a shape; ``gate.contains(events)``
population the events of one sample inside a gate and every gate above it
root       all events of a sample
parent     the population a gate is applied to
threshold  one cut on one channel, with where it came from
========== ==========================================================================================

Verbs: ``read_``/``write_`` disk, ``fit_`` a gate from data, ``gate_`` apply, ``parse_`` text.
"""

from gating.alternatives import with_alternative
from gating.compensation import (
    Spillover,
    compensate,
    declare_uncompensated,
    file_spillover,
    parse_spillover,
    read_spillover,
)
from gating.compiled import Counter, counter
from gating.errors import (
    ChannelError,
    CompensationError,
    ExchangeError,
    FCSError,
    GateError,
    GatingError,
    TemplateError,
    ThresholdError,
    TransformError,
    UnsupportedFCSError,
    missing,
)
from gating.fcs import (
    ON_REQUEST,
    REPAIRS,
    FCSFile,
    FCSMetadata,
    Repair,
    open_fcs,
    read_fcs,
    read_fcs_datasets,
    read_fcs_metadata,
    write_fcs,
    write_fcs_copy,
)
from gating.gates import (
    BooleanGate,
    EllipseGate,
    Gate,
    PolygonGate,
    QuadrantGate,
    RangeGate,
    RatioGate,
    RectangleGate,
    gate_from_coordinates,
)
from gating.markers import marker_in, same_marker
from gating.plausible import plausible_counts, shifted_counts
from gating.populations import (
    Controls,
    GatedSample,
    Population,
    Teaching,
    control_values,
    gate_sample,
    lessons_of,
    needed_controls,
    needed_lessons,
    pool_controls,
)
from gating.priors import Lesson, Prior, decades, from_decades, pool_lessons
from gating.references import NOTHING_TAUGHT, Reference, Taught
from gating.residual import ResidualSpillover, residual_spillover
from gating.sample import NO_ALIASES, Channel, Described, Sample, find_channel
from gating.spillover import SpilloverFit, StainFit, combine_stains, fit_spillover, fit_stain
from gating.streaming import CountedPopulation, CountedSample, count_blocks, is_fixed
from gating.tally import Keyed, keyed
from gating.template import ROOT, GatingTemplate, Row, parse_template, read_template
from gating.thresholds import ControlValues, Threshold
from gating.transforms import (
    Arcsinh,
    Hyperlog,
    Linear,
    Log,
    Logicle,
    Transform,
    decade,
    estimate_logicle,
    parse_transform,
)

__all__ = [
    "NOTHING_TAUGHT",
    "NO_ALIASES",
    "ON_REQUEST",
    "REPAIRS",
    "ROOT",
    "Arcsinh",
    "BooleanGate",
    "Channel",
    "ChannelError",
    "CompensationError",
    "ControlValues",
    "Controls",
    "CountedPopulation",
    "CountedSample",
    "Counter",
    "Described",
    "EllipseGate",
    "ExchangeError",
    "FCSError",
    "FCSFile",
    "FCSMetadata",
    "Gate",
    "GateError",
    "GatedSample",
    "GatingError",
    "GatingTemplate",
    "Hyperlog",
    "Keyed",
    "Lesson",
    "Linear",
    "Log",
    "Logicle",
    "PolygonGate",
    "Population",
    "Prior",
    "QuadrantGate",
    "RangeGate",
    "RatioGate",
    "RectangleGate",
    "Reference",
    "Repair",
    "ResidualSpillover",
    "Row",
    "Sample",
    "Spillover",
    "SpilloverFit",
    "StainFit",
    "Taught",
    "Teaching",
    "TemplateError",
    "Threshold",
    "ThresholdError",
    "Transform",
    "TransformError",
    "UnsupportedFCSError",
    "combine_stains",
    "compensate",
    "control_values",
    "count_blocks",
    "counter",
    "decade",
    "decades",
    "declare_uncompensated",
    "estimate_logicle",
    "file_spillover",
    "find_channel",
    "fit_spillover",
    "fit_stain",
    "from_decades",
    "gate_from_coordinates",
    "gate_sample",
    "is_fixed",
    "keyed",
    "lessons_of",
    "marker_in",
    "missing",
    "needed_controls",
    "needed_lessons",
    "open_fcs",
    "parse_spillover",
    "parse_template",
    "parse_transform",
    "plausible_counts",
    "pool_controls",
    "pool_lessons",
    "read_fcs",
    "read_fcs_datasets",
    "read_fcs_metadata",
    "read_spillover",
    "read_template",
    "residual_spillover",
    "same_marker",
    "shifted_counts",
    "with_alternative",
    "write_fcs",
    "write_fcs_copy",
]
