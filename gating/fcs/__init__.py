"""The Flow Cytometry Standard: reading files strictly, writing them exactly."""

from gating.fcs.reader import FCSMetadata, read_fcs, read_fcs_metadata
from gating.fcs.writer import write_fcs

__all__ = ["FCSMetadata", "read_fcs", "read_fcs_metadata", "write_fcs"]
