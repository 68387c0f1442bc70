"""The report: one HTML file, made from the tables of a result folder and nothing else."""

from phenotype.report.build import build_report
from phenotype.report.read import ReportError

__all__ = ["ReportError", "build_report"]
