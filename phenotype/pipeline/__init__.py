"""A study from its files to its report."""

from phenotype.pipeline.check import check_study
from phenotype.pipeline.run import RunSummary, run_study

__all__ = ["RunSummary", "check_study", "run_study"]
