"""The report: one HTML file, or one for paper, made from the tables of a result folder and nothing else."""

from phenotype.report.build import build_pdf, build_report
from phenotype.report.read import ReportError

__all__ = ["ReportError", "build_pdf", "build_report"]
