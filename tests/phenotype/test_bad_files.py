"""Files met in the field, as a study meets them: what is left out, what is said, what nothing may hide.

Numbers are those of ``tests/gating/fcs/test_cases.py``, which has what a file shows alone.
"""

import csv
import os
import re
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gating import Channel, Sample, read_fcs, write_fcs
from phenotype.cli import main
from phenotype.pipeline import check_study, run
from phenotype.pipeline.plan import make_plan
from phenotype.provenance import check_dates, check_identities
from phenotype.quality import check_acquisition, check_clock, check_constant, check_saturation


@pytest.fixture(autouse=True)
def _without_figures(request, monkeypatch):
    """Leave out the report, which has tests of its own, unless a test asks for it."""
    if "with_report" not in request.fixturenames:
        monkeypatch.setattr("phenotype.pipeline.run.build_report", lambda folder, **_: folder / "report.html")


@pytest.fixture
def with_report():
    """Ask for the report to be built."""


def run_study(study: Path) -> int:
    """Run a study through the command line; a crash is a failure of the test."""
    result = CliRunner().invoke(main, ["run", str(study)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code


def table(study: Path, name: str) -> list[dict[str, str]]:
    """Read a table of the results."""
    with (study.parent / "results" / name).open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def rewrite(path: Path, events: np.ndarray | None = None, **keywords: str) -> None:
    """Write a tube of the study again with other events or keywords; ``_FIL`` stands for ``$FIL``."""
    sample = read_fcs(path)
    changed = dict(sample.keywords) | {re.sub("^_", "$", keyword): value for keyword, value in keywords.items()}
    write_fcs(path, Sample(path.name, sample.channels, sample.events if events is None else events, changed))


def timed(clock: np.ndarray, **keywords: str) -> Sample:
    """Return a sample of times and one dye; ``_BTIM`` stands for ``$BTIM``."""
    named = {re.sub("^_", "$", keyword): value for keyword, value in keywords.items()}
    events = np.column_stack([clock, np.arange(len(clock), dtype=float)])
    return Sample("pt01.fcs", (Channel("Time"), Channel("PE-A", "CAR")), events, named)


def test_every_case_has_its_test():
    """By its number, here or among the tests of the reader."""
    places = (Path(__file__), Path(__file__).parents[1] / "gating" / "fcs" / "test_cases.py")
    found = {int(n) for place in places for n in re.findall(r"def test_a(\d\d)_", place.read_text(encoding="utf-8"))}

    assert sorted(found) == list(range(1, 65))


def test_a03_what_is_no_fcs_file_by_its_name_is_ignored_and_counted(study):
    """A picture of a plot, what a Mac leaves on a foreign disk, what Windows leaves everywhere."""
    for name in ("P1.fcs.jpg", "._P1.fcs", "Thumbs.db"):
        (study.parent / "fcs" / name).write_bytes(b"\xff\xd8\xff")

    (note,) = (note for note in make_plan(study).notes if "by their names" in note)

    assert note == (
        "beside the listed files: 3 that are no FCS files by their names, not looked at "
        "(fcs/._P1.fcs, fcs/P1.fcs.jpg, fcs/Thumbs.db)"
    )


def test_a03_the_files_of_a_study_are_not_among_them(study, change):
    """FCS files may lie beside the sheets."""
    (study.parent / "fcs" / "P1.fcs").rename(study.parent / "P1.fcs")
    change(study.parent / "samples.csv", "fcs/P1.fcs", "P1.fcs")

    assert [note for note in make_plan(study).notes if "by their names" in note] == []


def test_a03_many_are_counted_and_the_first_are_named(study):
    """A line each would bury what matters."""
    for n in range(7):
        (study.parent / "fcs" / f"{n}.txt").write_bytes(b"")

    (note,) = (note for note in make_plan(study).notes if "by their names" in note)

    assert note.endswith("7 that are no FCS files by their names, not looked at "
                         "(fcs/0.txt, fcs/1.txt, fcs/2.txt, fcs/3.txt, fcs/4.txt, ...)")  # fmt: skip


def test_a21_a_tube_without_events_has_no_fractions(study):
    """Its fractions are missing: 0 of 0 is not 0."""
    rewrite(study.parent / "fcs" / "P1.fcs", np.empty((0, 9)))

    assert run_study(study) == 1

    rows = [row for row in table(study, "subsets.csv") if row["patient_id"] == "P1"]
    assert {row["fraction"] for row in rows} <= {""}
    (cohort,) = (row for row in table(study, "cohort.csv") if row["patient_id"] == "P1")
    assert cohort["naive"] == ""


@pytest.mark.parametrize("n", [1, 60])
def test_a22_a_tube_with_few_events_says_so(study, n):
    """One event, or too few to quantify: a count may be given, a fraction not, and someone has to look."""
    path = study.parent / "fcs" / "P1.fcs"
    rewrite(path, read_fcs(path).events[:n])

    assert run_study(study) == 1

    said = {row["severity"] for row in table(study, "quality.csv") if row["sample_id"] == "P1"}
    failed = {row["file"] for row in table(study, "failures.csv")}
    assert "error" in said or "fcs/P1.fcs" in failed
    assert not any(row["fraction"] for row in table(study, "subsets.csv") if row["patient_id"] == "P1")


def test_a48_a_constant_channel_is_found():
    """A detector that was off gives every event the same value; the gate on it would be arbitrary."""
    dead = Sample("a.fcs", (Channel("PE-A", "CAR"),), np.full((100, 1), 7.0))

    (finding,) = check_constant("a", dead, {"CAR": 0})

    assert (finding.check, finding.severity) == ("constant", "warning")
    assert finding.message == "every event has 7 in CAR (PE-A): was the detector on?"
    assert list(check_constant("a", timed(np.arange(5.0)), {"CAR": 1})) == []


def test_a48_a_saturated_channel_is_found():
    """More than 5 % at the top of the scale."""
    values = np.full((100, 1), 7.0)
    values[:6] = 262_143
    sample = Sample("a.fcs", (Channel("PE-A", "CAR"),), values)

    assert [finding.check for finding in check_saturation("a", sample, {"CAR": 0}, 0.05)] == ["saturation"]


def test_a48_a_dead_channel_reaches_the_findings(study):
    """The channel of a file, through a run."""
    path = study.parent / "fcs" / "P1.fcs"
    events = read_fcs(path).events.copy()
    events[:, 6] = 12.0
    rewrite(path, events)

    run_study(study)

    constant = [row for row in table(study, "quality.csv") if row["check"] == "constant"]
    failed = [row["file"] for row in table(study, "failures.csv")]
    assert [row["sample_id"] for row in constant] == ["P1"] or failed == ["fcs/P1.fcs"]


def test_a55_time_that_runs_backwards_or_jumps_is_found():
    """Concatenated acquisitions, or a clog."""
    clock = np.linspace(0, 60, 5000)

    assert "time_order" in {f.check for f in check_acquisition("a", timed(np.concatenate([clock, clock])))}
    assert "time_gap" in {f.check for f in check_acquisition("a", timed(np.where(clock > 30, clock + 20, clock)))}


def test_a55_a_time_step_that_the_clock_contradicts_is_found():
    """6,000 ticks of 0.01 s are a minute; of 0.1 s, ten."""
    clock = {"_BTIM": "10:00:00", "_ETIM": "10:01:00"}
    ticks = np.linspace(0, 6000, 100)

    assert list(check_clock("a", timed(ticks, _TIMESTEP="0.01", **clock))) == []
    (finding,) = check_clock("a", timed(ticks, _TIMESTEP="0.1", **clock))
    assert (finding.check, finding.severity, finding.value) == ("clock", "info", 10)
    assert finding.message == (
        "the Time channel spans 600 s by $TIMESTEP, the clock 60 s from $BTIM to $ETIM: a part, or a wrong step?"
    )
    for missing in ({"_TIMESTEP": "x", **clock}, {"_TIMESTEP": "0.1", "_BTIM": "10:00:00"}, {"_TIMESTEP": "0.1"}):
        assert list(check_clock("a", timed(ticks, **missing))) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("25-DEC-2030", "is after 2024-06-01, the day of this run; a clock was wrong"),
        ("2024-06-02", "is after 2024-06-01"),
        ("17-MAI-2018", "is not like 01-FEB-2023"),
        ("12-MRZ-2021", "is not like 01-FEB-2023"),
        ("23-Aug-02", "is not like 01-FEB-2023, with four digits for the year"),
        ("03/04/2018", "is not like"),
        ("31-FEB-2018", "is not like"),
    ],
)
def test_a56_dates_that_cannot_be_or_cannot_be_told_are_said(text, fault):
    """A month in another language, a year of two digits, a day that is still to come."""
    (finding,) = check_dates({"P1": {"$DATE": text}}, date(2024, 6, 1))

    assert (finding.check, finding.severity) == ("date", "warning")
    assert finding.message.startswith(f"$DATE {text!r} {fault}")


@pytest.mark.parametrize("text", ["01-JUN-2024", "1-jun-2024", "2024-06-01", "", " "])
def test_a56_plain_dates_are_left_in_peace(text):
    """And so is a file without one."""
    assert list(check_dates({"P1": {"$DATE": text}}, date(2024, 6, 1))) == []


def test_a56_a_date_reaches_the_findings(study):
    """Through a run."""
    rewrite(study.parent / "fcs" / "P2.fcs", _DATE="01-JAN-2999")

    assert run_study(study) == 1

    assert [row["sample_id"] for row in table(study, "quality.csv") if row["check"] == "date"] == ["P2"]


def test_a57_the_same_bytes_under_two_names(study):
    """One of the rows names the wrong file, and which one only a person can tell: both are left out."""
    (study.parent / "fcs" / "P2.fcs").write_bytes((study.parent / "fcs" / "P1.fcs").read_bytes())

    assert run_study(study) == 1

    assert [(row["file"], row["error"]) for row in table(study, "failures.csv")] == [
        (
            f"fcs/{one}.fcs",
            f"fcs/{one}.fcs: has the same bytes as fcs/{other}.fcs: one of these rows names the wrong file",
        )
        for one, other in (("P1", "P2"), ("P2", "P1"))
    ]


def test_a58_two_files_with_one_identity():
    """A GUID is one file's; $FIL is one file's only together with when it was begun."""
    tube = {"$FIL": "Specimen_001_Tube_001.fcs", "$DATE": "01-JUN-2024", "$BTIM": "10:00:00"}
    later = tube | {"$BTIM": "11:00:00"}

    assert list(check_identities({"P1": tube, "P2": later, "P3": {}, "P4": {}})) == []
    found = list(check_identities({"P1": tube | {"GUID": "a"}, "P2": tube | {"GUID": "a"}, "P3": tube, "P4": later}))
    assert [(finding.sample_id, finding.message.split(" and ")[0]) for finding in found] == [
        ("P1", "GUID are those of P2,"),
        ("P2", "GUID are those of P1,"),
        ("P3", "$FIL, $DATE"),
    ]
    assert {(finding.check, finding.severity) for finding in found} == {("identity", "warning")}


def test_a58_an_identity_reaches_the_findings(study):
    """Through a run."""
    for name in ("P2", "P5"):
        rewrite(study.parent / "fcs" / f"{name}.fcs", GUID="1b671a64-40d5-491e-99b0-da01ff1f3341")

    assert run_study(study) == 1

    assert [row["sample_id"] for row in table(study, "quality.csv") if row["check"] == "identity"] == ["P2", "P5"]


def relabelled(path: Path, **markers: str) -> None:
    """Write a tube again with other markers on some detectors; ``PE_A`` stands for ``PE-A``."""
    sample = read_fcs(path)
    named = {name.replace("_", "-"): marker for name, marker in markers.items()}
    channels = tuple(Channel(c.name, named.get(c.name, c.marker), c.range) for c in sample.channels)
    write_fcs(path, Sample(path.name, channels, sample.events, sample.keywords))


def test_a59_a_marker_that_a_file_lacks(study):
    """The others are gated."""
    relabelled(study.parent / "fcs" / "P1.fcs", PE_A="CD19")

    assert run_study(study) == 1

    (failure,) = table(study, "failures.csv")
    assert "fcs/P1.fcs: no channel or marker 'CAR'" in failure["error"]
    assert len({row["sample_id"] for row in table(study, "populations.csv")}) == 5


def test_a59_markers_that_changed_places(study):
    """Within a batch, most files say where a marker is."""
    relabelled(study.parent / "fcs" / "P1.fcs", BV421_A="CD45RA", BV510_A="CD62L")

    (failure,) = check_study(study).failures

    assert failure.startswith("fcs/P1.fcs: CD62L is on BV510-A, in 5 of 5 other files of batch B1 on BV421-A")


def test_a61_a_file_that_changes_after_its_hash_was_taken(study, monkeypatch):
    """Its result would be kept under the hash of other bytes, and be reused for them."""
    path, plain = study.parent / "fcs" / "P3.fcs", run.gate_file

    def while_copied(task):
        result = plain(task)
        if task.path == path:
            path.write_bytes(path.read_bytes() + b"more")
        return result

    monkeypatch.setattr(run, "gate_file", while_copied)

    assert run_study(study) == 1

    assert [row["error"] for row in table(study, "failures.csv")] == [
        "fcs/P3.fcs: the file was changed while the run went on; wait until it is complete, and run again"
    ]
    assert "P3" not in {row["sample_id"] for row in table(study, "populations.csv")}
    monkeypatch.undo()


def test_a63_what_is_no_regular_file_is_left_out(study):
    """A pipe would hang the run, a device never end."""
    folder = study.parent / "fcs"
    for name in ("P1", "P2", "P3"):
        (folder / f"{name}.fcs").unlink()
    os.mkfifo(folder / "P1.fcs")
    (folder / "P2.fcs").symlink_to("/dev/zero")
    (folder / "P3.fcs").symlink_to(folder / "P3.fcs")

    assert run_study(study) == 1

    assert [row["error"] for row in table(study, "failures.csv")] == [
        "fcs/P1.fcs: is a pipe or a device, not a file.",
        "fcs/P2.fcs: is a pipe or a device, not a file.",
        "fcs/P3.fcs: cannot be read: Too many levels of symbolic links.",
    ]


@pytest.mark.usefixtures("with_report")
def test_a64_markup_and_formulas_are_shown_and_do_nothing(study):
    """In a table a formula is text; in the report markup is text."""
    path = study.parent / "fcs" / "P1.fcs"
    path.write_bytes(path.read_bytes().replace(b"SYNTHETIC|TRUE", b"<SCRIPT>x|TRUE").replace(b"TRUE|", b"||TRUE|"))
    rewrite(study.parent / "fcs" / "P2.fcs", _DATE="=cmd|' /C calc'!A0")
    rewrite(study.parent / "fcs" / "P3.fcs", _DATE="<script>alert(1)</script>")

    run_study(study)

    report = (study.parent / "results" / "report.html").read_text(encoding="utf-8")
    cells = [cell for row in table(study, "quality.csv") for cell in row.values()]
    assert "<script>alert" not in report
    assert "&lt;script&gt;alert" in report
    assert any("<script>alert(1)" in cell for cell in cells)
    assert not any(cell.startswith(("=", "+", "@")) for cell in cells)
