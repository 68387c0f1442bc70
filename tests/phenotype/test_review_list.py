"""The review list: nothing that wants a person is left out, and the gravest comes first."""

from phenotype.review_list import REVIEW_COLUMNS, STATUSES, review_rows


def threshold(status, note, batch="B1"):
    """Return a row of thresholds.csv."""
    return {
        "sample_id": "P1", "batch": batch, "population": "T cells", "marker": "CD62L", "status": status, "note": note,
    }  # fmt: skip


def finding(check, severity="warning"):
    """Return a row of quality.csv."""
    return {"sample_id": "P2", "check": check, "severity": severity, "message": f"about {check}"}


FAILURE = {"file": "fcs/P3.fcs", "stage": "read", "error": "cut short"}
SINGLETS = {
    "sample_id": "P4", "population": "Singlets", "channels": "FSC-H|FSC-A", "method": "singlets",
    "confidence": "refused", "note": "12 events, needs 100",
}  # fmt: skip


def test_the_gravest_comes_first_and_what_is_sure_does_not_come():
    """A person with ten minutes starts at the top."""
    rows = review_rows(
        [threshold("sure", ""), threshold("weak", "shallow"), threshold("refused", "no valley")],
        [SINGLETS],
        [finding("viability"), finding("not_detected", "error"), finding("time", "info"), finding("gate_weak")],
        [FAILURE],
    )

    assert [(row["sample_id"], row["status"]) for row in rows] == [
        ("fcs/P3.fcs", "failed"), ("P1", "refused"), ("P4", "refused"), ("P2", "error"), ("P1", "weak"),
        ("P2", "warning"),
    ]  # fmt: skip
    assert all(tuple(row) == REVIEW_COLUMNS and row["reason"] and row["resolve"] for row in rows)
    assert {row["status"] for row in rows} == set(STATUSES)


def test_a_refused_cut_names_what_would_place_it():
    """The reason says what was missing; the list says what to bring."""
    note = "valley: 312 events, needs 1000; control(fmo): no fmo control for CD62L"

    rows = review_rows([threshold("refused", note)], [], [], [])

    assert rows[0]["resolve"] == (
        "add the fmo control of batch B1, or acquire more events, or let the batch place it ('> batch' at the end of "
        "the chain), or place the cut by hand and list it under [reference]"
    )


def test_what_the_batch_has_refused_is_not_sent_to_the_batch():
    """Advice that was tried already wastes a person's time."""
    rows = review_rows([threshold("refused", "valley: none; batch: 2 of 3 samples of batch B1")], [], [], [])

    assert rows[0]["resolve"] == "place the cut by hand and list it under [reference]"
