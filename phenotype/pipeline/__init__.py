"""A study from its files to its report."""

from phenotype.pipeline.analyse import AnalyseSummary, analyse_study
from phenotype.pipeline.check import check_study
from phenotype.pipeline.run import RunSummary, run_study

__all__ = ["AnalyseSummary", "RunSummary", "analyse_study", "check_study", "run_study"]
