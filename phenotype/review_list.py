"""What a person should look at, a row each, the gravest first, with what would settle it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["REVIEW_COLUMNS", "review_rows"]

REVIEW_COLUMNS = ("sample_id", "population", "marker", "status", "reason", "resolve")
STATUSES = ("failed", "refused", "error", "weak", "warning")
"""The gravest first: no result, no gate, a number not to use, a gate to look at, a finding to look at."""

_BY_HAND = "place the cut by hand and list it under [reference]"
_RIGHT_FILE = "correct the file, or its row of the sample sheet, as the reason says, and run again"
_RESOLVE = {
    "not_detected": "stain or acquire more cells of this product",
    "not_quantified": "stain or acquire more cells of this product",
    "few_events": "acquire more cells, or read the fraction with its interval",
    "viability": "stain a fresher vial, or leave the sample out and say so",
    "saturation": "lower the detector's voltage and measure again; a median at the top is the detector's limit",
    "spillover_differs": "export the file again with its batch's matrix, or name a matrix .csv",
    "batch_shift": "compare titration, lot and voltage of the batches; gate this one by its own controls",
    "outlier": "look at the tube's gating: if it was measured otherwise, give it a batch of its own",
}

Rows = Sequence[Mapping[str, Any]]


def review_rows(thresholds: Rows, gates: Rows, findings: Rows, failures: Rows) -> list[dict[str, Any]]:
    """Return the rows of review.csv.

    Parameters
    ----------
    thresholds, gates, findings, failures
        Rows of thresholds.csv, gates.csv, quality.csv and failures.csv.

    Returns
    -------
    list of dict
        ``sample_id`` (the file, where none could be gated), ``population, marker, status, reason, resolve``; by status
        as in ``STATUSES``, then in the order of the tables.
    """
    rows = [_row(row["file"], "", "", "failed", row["error"], _RIGHT_FILE) for row in failures]
    rows += [
        _row(row["sample_id"], row["population"], row["marker"], row["status"], row["note"], _of_threshold(row))
        for row in thresholds
        if row["status"] != "sure"
    ]
    rows += [
        _row(
            row["sample_id"], row["population"], row["channels"], "refused", row["note"], "look at the events' scatter"
        )
        for row in gates
        if row["method"] == "singlets" and row["confidence"] == "refused" and row["note"]
    ]
    rows += [
        _row(row["sample_id"], "", "", row["severity"], row["message"], _RESOLVE.get(row["check"], "look at it"))
        for row in findings
        if row["severity"] != "info" and not row["check"].startswith("gate_")
    ]
    return sorted(rows, key=lambda row: STATUSES.index(row["status"]))


def _row(sample_id: str, population: str, marker: str, status: str, reason: str, resolve: str) -> dict[str, Any]:
    return dict(zip(REVIEW_COLUMNS, (sample_id, population, marker, status, reason, resolve), strict=True))


def _of_threshold(row: Mapping[str, Any]) -> str:
    """Say what would place a cut, or settle one that is weak."""
    if row["status"] == "weak":
        return f"look at its histogram: if the cut is right, leave it; if not, {_BY_HAND}"
    ways = []
    control = re.search(r"no (\w+) control for", row["note"])
    if control:
        ways.append(f"add the {control[1]} control of batch {row['batch'] or '(none)'}")
    if re.search(r"\d+ events, needs", row["note"]):
        ways.append("acquire more events")
    if "batch: " not in row["note"]:
        ways.append("let the batch place it ('> batch' at the end of the chain)")
    return ", or ".join([*ways, _BY_HAND])
