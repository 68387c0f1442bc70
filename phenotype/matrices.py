"""The matrix that a study says, taken out of a sample."""

from gating import (
    CompensationError,
    Described,
    Sample,
    Spillover,
    compensate,
    declare_uncompensated,
    file_spillover,
)

__all__ = ["matrix_of", "prepare"]


def prepare(sample: Sample, compensation: Spillover | str, described: Described | None = None) -> Sample:
    """Compensate a sample as the study says.

    Parameters
    ----------
    sample
        Not compensated.
    compensation
        A matrix, ``"file"`` or ``"none"``.
    described
        The whole file, where the sample has not all of its channels: a matrix may count them.

    Raises
    ------
    CompensationError
        If the matrix should come from the file and the file has none, or it does not fit.
    """
    spillover = matrix_of(described or sample, compensation)
    return declare_uncompensated(sample) if spillover is None else compensate(sample, spillover)


def matrix_of(described: Described, compensation: Spillover | str) -> Spillover | None:
    """Return the matrix to take out of a file's events; None where the study says none.

    Raises
    ------
    CompensationError
        If the matrix should come from the file and the file has none, or it cannot be read.
    """
    if isinstance(compensation, Spillover):
        return compensation
    if compensation == "none":
        return None
    spillover = file_spillover(described)
    if spillover is None:
        raise CompensationError(
            f'{described.name}: no $SPILLOVER, SPILL or $COMP in the file, and study.toml says source = "file"; '
            f'give a matrix .csv, or "none" if it needs no compensation.'
        )
    return spillover
