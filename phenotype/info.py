"""What an FCS file says of itself, and what its events say, for people and for programs: ``phenotype info``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gating import (
    CompensationError,
    FCSFile,
    FCSMetadata,
    Repair,
    file_spillover,
    open_fcs,
    read_fcs_datasets,
)
from phenotype.quality import clock_seconds

__all__ = ["describe", "describe_lines"]

IDENTIFYING = (
    "$SRC", "$CELLS", "$SMNO", "$FIL", "$COM", "$EXP", "$OP", "$PROJ", "$PLATEID", "$LAST_MODIFIER", "$CYTSN",
    "$INST", "$DATE", "TUBE NAME", "EXPERIMENT NAME", "SAMPLE ID", "PATIENT ID", "EXPORT USER NAME", "GUID",
)  # fmt: skip
"""Keywords that name a patient, a person or a day in the files of the usual vendors."""

WORDS = 3
"""Columns of the table of channels that hold words; the others hold numbers."""


def describe(path: Path) -> list[dict[str, Any]]:
    """Return what a file says of itself, one item per dataset; DATA is read in blocks, once.

    Raises
    ------
    FCSError
        If the file is not sound.
    """
    datasets = read_fcs_datasets(path)
    found = []
    for metadata in datasets:
        with open_fcs(path, dataset=metadata.dataset if len(datasets) > 1 else None) as file:
            found.append(_describe(file, path.name, len(datasets)))
    return found


def _describe(file: FCSFile, name: str, datasets: int) -> dict[str, Any]:
    """Return what one dataset says of itself, and what its events say."""
    metadata, keywords = file.metadata, file.metadata.keywords
    low, high, saturated = _extremes(file)
    return {
        "file": name,
        "dataset": metadata.dataset,
        "datasets": datasets,
        "version": metadata.version,
        "events": metadata.n_events,
        "cytometer": keywords.get("$CYT", "").strip(),
        "serial_number": keywords.get("$CYTSN", "").strip(),
        "acquisition": _acquisition(metadata, low, high),
        "channels": list(_channels(metadata, low, high, saturated)),
        "spillover": _spillover(metadata),
        "repairs": [{"rule": w.rule, "message": str(w)} for w in metadata.warnings if isinstance(w, Repair)],
        "warnings": [w for w in metadata.warnings if not isinstance(w, Repair)],
        "identifying": {name: keywords[name] for name in IDENTIFYING if keywords.get(name, "").strip()},
    }


def _extremes(file: FCSFile) -> tuple[list[float | None], list[float | None], list[float | None]]:
    """Return smallest and largest value and share of events at the top, for each channel; None without events."""
    channels = file.metadata.channels
    if not file.metadata.n_events:
        return [None] * len(channels), [None] * len(channels), [None] * len(channels)
    low, high = np.full(len(channels), np.inf), np.full(len(channels), -np.inf)
    counts, tops = np.zeros(len(channels), dtype=np.int64), np.array([channel.ceiling for channel in channels])
    for block in file.blocks():
        known = np.isfinite(block)
        low = np.minimum(low, block.min(axis=0, where=known, initial=np.inf))
        high = np.maximum(high, block.max(axis=0, where=known, initial=-np.inf))
        counts += np.count_nonzero(block >= tops, axis=0)
    ends = ([end if np.isfinite(end) else None for end in found.tolist()] for found in (low, high))
    return next(ends), next(ends), (counts / file.metadata.n_events).tolist()


def _channels(
    metadata: FCSMetadata, low: list[float | None], high: list[float | None], saturated: list[float | None]
) -> Iterator[dict[str, Any]]:
    """Yield what is known of each channel."""
    for n, channel in enumerate(metadata.channels, start=1):
        yield {
            "name": channel.name,
            "marker": channel.marker,
            "kind": channel.kind,
            "range": channel.range,
            "gain": metadata.keywords.get(f"$P{n}G", "").strip(),
            "voltage": metadata.keywords.get(f"$P{n}V", "").strip(),
            "minimum": low[n - 1],
            "maximum": high[n - 1],
            "saturated": None if channel.kind == "time" else saturated[n - 1],
        }


def _acquisition(metadata: FCSMetadata, low: list[float | None], high: list[float | None]) -> dict[str, Any]:
    """Return when and how fast the sample was measured: by the Time channel, else by the clock."""
    keywords = metadata.keywords
    begin, end = (keywords.get(keyword, "").strip() for keyword in ("$BTIM", "$ETIM"))
    seconds, source = _ticked(metadata, low, high), "Time channel"
    if seconds is None:
        seconds, source = clock_seconds(begin, end), "$BTIM and $ETIM"
    return {
        "date": keywords.get("$DATE", "").strip(),
        "begin": begin,
        "end": end,
        "seconds": seconds,
        "seconds_by": source if seconds else "",
        "events_per_second": metadata.n_events / seconds if seconds else None,
    }


def _ticked(metadata: FCSMetadata, low: list[float | None], high: list[float | None]) -> float | None:
    """Return the span of the Time channel in seconds; None unless $TIMESTEP says what a tick is."""
    try:
        step = float(metadata.keywords.get("$TIMESTEP", ""))
    except ValueError:
        return None
    for i, channel in enumerate(metadata.channels):
        first, last = low[i], high[i]
        if channel.kind == "time" and first is not None and last is not None and 0 < step < np.inf:
            return (last - first) * step or None
    return None


def describe_lines(found: dict[str, Any]) -> list[str]:
    """Return a description as text."""
    several = f" dataset {found['dataset']} of {found['datasets']}" if found["datasets"] > 1 else ""
    maker = found["cytometer"] or "cytometer unknown"
    lines = [
        f"{found['file']}{several}: {found['version']}, {found['events']:,} events, {maker}",
        f"  acquired   {_when(found['acquisition'])}",
        f"  spillover  {found['spillover']['text']}",
        *_channel_table(found["channels"]),
    ]
    lines += [f"  repair     {repair['rule']}: {repair['message']}" for repair in found["repairs"]]
    lines += [f"  warning    {warning}" for warning in found["warnings"]]
    named = ", ".join(f"{name}={_printable(value)[:40]}" for name, value in found["identifying"].items())
    lines.append(f"  may identify a patient or a person: {named or 'no keyword known to'}")
    return [_printable(line) for line in lines]


def _when(acquisition: dict[str, Any]) -> str:
    """Return date, time, duration and rate in words."""
    clock = " ".join(filter(None, (acquisition["date"], acquisition["begin"], "to" if acquisition["end"] else "")))
    text = f"{clock} {acquisition['end']}".strip() or "unknown"
    if not acquisition["seconds"]:
        return text
    rate, source = acquisition["events_per_second"], acquisition["seconds_by"]
    return f"{text}; {acquisition['seconds']:,.1f} s by {source}, {rate:,.0f} events/s"


def _channel_table(channels: list[dict[str, Any]]) -> list[str]:
    """Return a line per channel below a header, columns as wide as their widest cell."""
    rows = [("channel", "marker", "kind", "range", "gain", "lowest", "highest", "at top")]
    for channel in channels:
        numbers = [channel[key] for key in ("range", "minimum", "maximum")]
        top, low, high = ("" if number is None else f"{number:,.0f}" for number in numbers)
        saturated = "" if channel["saturated"] is None else f"{channel['saturated']:.2%}"
        rows.append((channel["name"], channel["marker"], channel["kind"], top, channel["gain"], low, high, saturated))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  " + "  ".join(_cells(row, widths)).rstrip() for row in rows]


def _cells(row: tuple[str, ...], widths: list[int]) -> Iterator[str]:
    """Yield names aligned left and numbers aligned right."""
    for i, (cell, width) in enumerate(zip(row, widths, strict=True)):
        yield cell.ljust(width) if i < WORDS else cell.rjust(width)


def _spillover(metadata: FCSMetadata) -> dict[str, Any]:
    try:
        spillover = file_spillover(metadata)
    except CompensationError as error:
        return {"channels": [], "condition": None, "text": str(error)}
    if spillover is None:
        return {"channels": [], "condition": None, "text": "none in the file"}
    condition = float(spillover.condition)
    text = f"{len(spillover.channels)} channels, condition number {condition:.3g}"
    return {"channels": list(spillover.channels), "condition": condition, "text": text}


def _printable(text: str) -> str:
    """Drop control characters: a keyword must not steer the terminal."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)
