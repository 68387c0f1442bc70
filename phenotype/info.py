"""What an FCS file says of itself, for people and for programs: ``phenotype info``."""

from pathlib import Path
from typing import Any

from gating import CompensationError, FCSMetadata, file_spillover, read_fcs_metadata

__all__ = ["describe", "describe_lines"]

IDENTIFYING = (
    "$SRC", "$CELLS", "$SMNO", "$FIL", "$COM", "$EXP", "$OP", "$PROJ", "$PLATEID", "$LAST_MODIFIER", "$CYTSN",
    "$INST", "$DATE", "TUBE NAME", "EXPERIMENT NAME", "SAMPLE ID", "PATIENT ID", "EXPORT USER NAME", "GUID",
)  # fmt: skip
"""Keywords that name a patient, a person or a day in the files of the usual vendors."""


def describe(path: Path) -> dict[str, Any]:
    """Return what a file says of itself, DATA unread.

    Raises
    ------
    FCSError
        If the file is not sound.
    """
    metadata = read_fcs_metadata(path)
    keywords = metadata.keywords
    return {
        "file": path.name,
        "version": metadata.version,
        "events": metadata.n_events,
        "cytometer": keywords.get("$CYT", ""),
        "date": keywords.get("$DATE", ""),
        "begin": keywords.get("$BTIM", ""),
        "end": keywords.get("$ETIM", ""),
        "channels": [{"name": c.name, "marker": c.marker, "kind": c.kind, "range": c.range} for c in metadata.channels],
        "spillover": _spillover(metadata),
        "warnings": list(metadata.warnings),
        "identifying": {name: keywords[name] for name in IDENTIFYING if keywords.get(name, "").strip()},
    }


def describe_lines(found: dict[str, Any]) -> list[str]:
    """Return a description as text."""
    when = " ".join(filter(None, (found["date"], found["begin"], "to" if found["end"] else "", found["end"])))
    lines = [
        f"{found['file']}: {found['version']}, {found['events']:,} events, {found['cytometer'] or 'cytometer unknown'}",
        f"  acquired   {when or 'unknown'}",
        f"  spillover  {found['spillover']['text']}",
        f"  {'channel':<24}{'marker':<24}{'kind':<14}{'range':>12}",
    ]
    lines += [f"  {c['name']:<24}{c['marker']:<24}{c['kind']:<14}{c['range']:>12,.0f}" for c in found["channels"]]
    lines += [f"  warning    {warning}" for warning in found["warnings"]]
    named = ", ".join(f"{name}={_printable(value)[:40]}" for name, value in found["identifying"].items())
    lines.append(f"  may identify a patient or a person: {named or 'no keyword known to'}")
    return [_printable(line) for line in lines]


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
