"""Results for other programs: ``phenotype export``. Every form is made from the tables of a run, and changes none."""

from phenotype.export.fcs import export_fcs, members_of
from phenotype.export.prism import export_prism
from phenotype.export.read import Export
from phenotype.export.xlsx import export_xlsx

__all__ = ["Export", "export_fcs", "export_prism", "export_xlsx", "members_of"]
