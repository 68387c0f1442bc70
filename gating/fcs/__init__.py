"""FCS files: read strictly, written plainly."""

from gating.fcs.copy import write_fcs_copy
from gating.fcs.reader import FCSFile, FCSMetadata, open_fcs, read_fcs, read_fcs_datasets, read_fcs_metadata
from gating.fcs.repairs import ON_REQUEST, REPAIRS, RULES, Repair
from gating.fcs.writer import write_fcs

__all__ = [
    "ON_REQUEST",
    "REPAIRS",
    "RULES",
    "FCSFile",
    "FCSMetadata",
    "Repair",
    "open_fcs",
    "read_fcs",
    "read_fcs_datasets",
    "read_fcs_metadata",
    "write_fcs",
    "write_fcs_copy",
]
