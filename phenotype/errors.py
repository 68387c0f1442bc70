"""What can go wrong between populations and a report.

::

    PhenotypeError
    ├── StudyError (ValueError)             every fault of a study's own files at once
    ├── RunError (RuntimeError)             a run could not go on: no room, no permission, a process that died
    ├── ReportError (ValueError)            a result folder is not as a run leaves it (in ``report.read``)
    ├── ExportError (ValueError)            a result folder or its study is not what the run has read
    └── DeidentifyError (ValueError)        copies cannot be made there, or would still name somebody

Every message reads ``where: what is wrong, with the value found; what would be right.``
"""

from collections.abc import Sequence

__all__ = ["DeidentifyError", "ExportError", "PhenotypeError", "RunError", "StudyError"]


class PhenotypeError(Exception):
    """Anything this package raises on purpose."""


class StudyError(PhenotypeError, ValueError):
    """A study's own files have faults; ``faults`` lists them all, each a line ``where: fault``.

    Examples
    --------
    >>> error = StudyError(["samples.csv: row 2: no file", "samples.csv: row 3: no role"])
    >>> print(error)
    samples.csv: row 2: no file
    samples.csv: row 3: no role
    >>> len(error.faults)
    2
    """

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__(self.faults)

    def __str__(self) -> str:
        return "\n".join(self.faults)


class ExportError(PhenotypeError, ValueError):
    """A result folder, its study or a file of it is not what the run has read or left."""


class DeidentifyError(PhenotypeError, ValueError):
    """Copies cannot be made where they were asked for, or an identifier is left in them."""


class RunError(PhenotypeError, RuntimeError):
    """A run could not go on, for a reason outside the study; what it finished is kept."""
