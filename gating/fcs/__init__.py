"""FCS files: read strictly, written plainly."""

from gating.fcs.reader import FCSMetadata, read_fcs, read_fcs_metadata
from gating.fcs.writer import write_fcs

__all__ = ["FCSMetadata", "read_fcs", "read_fcs_metadata", "write_fcs"]
