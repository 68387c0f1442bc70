"""Copying FCS files: other keywords, the very same bytes of DATA."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from gating.errors import FCSError
from gating.fcs.assemble import assemble_head, write_assembled
from gating.fcs.columns import Column, parse_columns
from gating.fcs.reader import FCSFile

__all__ = ["write_fcs_copy"]

BLOCK_BYTES = 1 << 20


def write_fcs_copy(path: Path | str, file: FCSFile, keywords: Mapping[str, str]) -> None:
    """Write one dataset as a file of its own, over one that may be there: DATA as it is, TEXT as it is told.

    HEADER, TEXT and DATA are all there is: no supplemental TEXT, no ANALYSIS, no byte between the segments or after
    them but eight zeros, which say that there is no checksum. The version of FCS stays, offsets and $NEXTDATA are
    written anew, and $PAR, $TOT and $MODE say what was read.

    Parameters
    ----------
    path
        The file; its folder must be there.
    file
        As :func:`open_fcs` gives it.
    keywords
        Everything else that TEXT is to say. What decides how DATA is read must be among it, with the same meaning.

    Raises
    ------
    FCSError
        If the keywords would make other channels or values of the same bytes, no delimiter can separate them, or the
        file ends early.
    OSError
        If the disk refuses; nothing is left behind then.
    """
    where, layout = file.metadata.name, file.layout
    pairs = {
        **keywords,
        "$PAR": str(len(layout.columns)),
        "$TOT": str(layout.n_events),
        "$MODE": "L",
        "$NEXTDATA": "0",
    }
    read_again = parse_columns(pairs, file.metadata.version, where)
    if list(map(_meaning, read_again)) != list(map(_meaning, layout.columns)):
        raise FCSError(f"{where}: the copy's keywords would give its DATA another meaning; keep $PnB, $PnE, $PnG, ...")
    version = file.metadata.version.removeprefix("FCS")
    head = assemble_head(version, pairs, layout.end - layout.begin, where)
    write_assembled(Path(path), version, head, _data(file))


def _meaning(column: Column) -> tuple[object, ...]:
    """Return what a column's numbers mean; how a keyword that says nothing is worded does not matter."""
    return column.channel, column.stored, column.offset, column.scale, column.mask, column.has_range


def _data(file: FCSFile) -> Iterator[bytes]:
    """Yield the bytes of DATA."""
    where, stream, layout = file.metadata.name, file.dataset.file, file.layout
    left = layout.end - layout.begin
    while left:
        try:
            stream.seek(layout.end - left)
            block = stream.read(min(BLOCK_BYTES, left))
        except OSError as error:
            raise FCSError(f"{where}: cannot be read: {error.strerror or error}.") from error
        if not block:
            raise FCSError(f"{where}: the file ended while DATA was copied; it was changed meanwhile.")
        left -= len(block)
        yield block
