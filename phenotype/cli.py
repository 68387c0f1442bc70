"""The command line: what an analyst types, and what comes back on the screen.

Heavy imports happen within the commands, so that ``--help`` answers at once.
"""

import json
import sys
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import click

from phenotype import __version__

__all__ = ["main"]

NOTHING_DONE = 2
STOPPED = 130
"""As a shell says of a command that Ctrl-C ended: neither done nor refused."""


def one_line(command: Callable[..., Any]) -> Callable[..., Any]:
    """Turn the errors that this program raises on purpose into their lines and exit status 2."""

    @wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        try:
            return _or_fault(command, arguments, options)
        except KeyboardInterrupt:
            _say("stopped before the end; the same command goes on from what is finished", err=True)
            sys.exit(STOPPED)

    return wrapped


def _or_fault(command: Callable[..., Any], arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Call a command; what it refuses is its fault line."""
    from gating import GatingError
    from phenotype.errors import PhenotypeError

    try:
        return command(*arguments, **options)
    except (GatingError, PhenotypeError) as error:
        _say(str(error), err=True)
    except OSError as error:
        _say(f"{error.filename or 'file'}: {error.strerror or error}", err=True)
    sys.exit(NOTHING_DONE)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="phenotype")
def main() -> None:
    """CAR-T memory subsets by transplant timing: FCS exports and a clinical sheet to compared groups."""


@main.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Result folder.  [default: results/ beside the study]")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Worker processes.")
@click.option("--fresh", is_flag=True, help="Gate every sample anew, also those an earlier run finished.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@one_line
def run(study: Path, out: Path | None, jobs: int, fresh: bool, as_json: bool) -> None:
    """Run a whole STUDY.toml: FCS files to report."""
    from phenotype.pipeline import run_study
    from phenotype.progress import progress_bar

    with progress_bar(quiet=as_json) as progress:
        summary = run_study(study, out, jobs=jobs, fresh=fresh, progress=progress)
    if as_json:
        _print_json(
            {
                "status": summary.status,
                "folder": str(summary.folder),
                "report": str(summary.report),
                "samples": summary.samples,
                "gated": summary.gated,
                "reused": summary.reused,
                "failures": list(summary.failures),
                "review": list(summary.review),
                "without_clinical": list(summary.without_clinical),
                "without_product": list(summary.without_product),
                "notes": list(summary.notes),
                "seconds": round(summary.seconds, 2),
            }
        )
    else:
        _print_run(summary)
    sys.exit(summary.status)


@main.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option(
    "--subsets", required=True, type=click.Path(path_type=Path), help="Table of fractions made in FlowJo or elsewhere."
)
@click.option("--out", type=click.Path(path_type=Path), help="Result folder.  [default: analysis/ beside the study]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@one_line
def analyse(study: Path, subsets: Path, out: Path | None, as_json: bool) -> None:
    """Analyse the patients of STUDY.toml with fractions from a table; no FCS file is read."""
    from phenotype.pipeline import analyse_study

    summary = analyse_study(study, subsets, out)
    if as_json:
        _print_json(summary.as_dict())
    else:
        _say(f"{summary.patients} patients, {summary.with_fractions} with fractions ({summary.seconds:.1f} s)")
        for title, found in (
            ("in the table of fractions and not in the clinical sheet, in no number", summary.without_clinical),
            ("without fractions, in no comparison of subsets", summary.without_fractions),
            ("to know", summary.notes),
        ):
            _print_some(title, list(found))
        if summary.not_estimated:
            _say(f"{summary.not_estimated} rows of estimates.csv have no number; each says why in its note")
        _say(f"tables: {summary.folder}")
    sys.exit(summary.status)


@main.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@one_line
def check(study: Path, as_json: bool) -> None:
    """Read and validate everything that a run of STUDY.toml would; gate nothing."""
    from phenotype.pipeline import check_study

    found = check_study(study)
    if as_json:
        _print_json(found.as_dict())
    else:
        for line in found.lines():
            _say(line)
    sys.exit(found.status)


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@one_line
def info(files: tuple[Path, ...], as_json: bool) -> None:
    """Say what FCS FILES are: version, events, channels, spillover, repairs, and keywords that may name a patient."""
    from phenotype.info import describe, describe_lines

    found, faults = _each(files, describe)
    if as_json:
        _print_json({"files": [one for datasets in found for one in datasets], "failures": faults})
    else:
        _say("\n\n".join("\n".join(describe_lines(one)) for datasets in found for one in datasets))
    sys.exit(_say_faults(faults, found))


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--template", required=True, type=click.Path(path_type=Path), help="gating.csv")
@click.option(
    "--compensation",
    default="file",
    show_default=True,
    metavar="file|none|MATRIX.csv",
    help="Where the matrix is from.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, as populations.csv.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@one_line
def gate(files: tuple[Path, ...], template: Path, compensation: str, as_csv: bool, as_json: bool) -> None:
    """Count the populations of single FILES by a gating template."""
    from gating import counter, read_template
    from phenotype.single import count_file, count_lines, count_table, read_compensation

    rows = read_template(template)
    source = read_compensation(compensation)
    compiled = counter(sum(path.stat().st_size for path in files if path.is_file()))
    found, faults = _each(files, lambda path: count_file(path, rows, source, compiled))
    if as_json:
        _print_json({"populations": [row for rows in found for row in rows], "failures": faults})
    elif as_csv:
        click.echo(count_table(found), nl=False)
    else:
        _say("\n\n".join("\n".join(count_lines(one)) for one in found))
    sys.exit(_say_faults(faults, found))


@main.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@one_line
def init(folder: Path) -> None:
    """Look at a FOLDER of FCS exports and write study files to correct; what is not sure is ?, for you to decide."""
    from phenotype.survey import survey_folder, survey_lines, write_study

    survey = survey_folder(folder)
    write_study(survey)
    for line in survey_lines(survey):
        _say(line)
    sys.exit(1 if survey.unreadable else 0)


@main.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--pdf", is_flag=True, help="Also write report.pdf; needs the extra: pip install 'phenotype[pdf]'.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Worker processes.")
@one_line
def report(folder: Path, pdf: bool, jobs: int) -> None:
    """Build the report anew from the tables in DIR."""
    from phenotype.report import build_pdf, build_report

    _say(f"report: {build_report(folder, jobs=jobs)}")
    if pdf:
        _say(f"report: {build_pdf(folder, jobs=jobs)}")


@main.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--to",
    "form",
    required=True,
    type=click.Choice(["fcs", "xlsx", "prism"]),
    help="fcs: each file with its populations. xlsx: one workbook. prism: tables in Prism's shapes.",
)
@click.option("--study", type=click.Path(path_type=Path), help="Of fcs: the study that was run.  [default: beside DIR]")
@click.option("--out", type=click.Path(path_type=Path), help="Where it goes.  [default: in DIR/export]")
@one_line
def export(folder: Path, form: str, study: Path | None, out: Path | None) -> None:
    """Write the results in DIR for other programs."""
    from phenotype.export import export_fcs, export_prism, export_xlsx
    from phenotype.progress import progress_bar

    if form == "fcs":
        with progress_bar(quiet=False) as progress:
            found = export_fcs(folder, study, out, progress)
    else:
        found = {"xlsx": export_xlsx, "prism": export_prism}[form](folder, out)
    _say(f"{len(found.written)} {'file' if len(found.written) == 1 else 'files'} in {found.folder}")
    _print_some("not exported", [failure["error"] for failure in found.failures])
    sys.exit((1 if found.written else NOTHING_DONE) if found.failures else 0)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--out", required=True, metavar="DIR", type=click.Path(path_type=Path), help="New folder for the copies.")
@click.option(
    "--key", type=click.Path(path_type=Path), help="Key of the pseudonyms, made if absent.  [default: DIR.key]"
)
@click.option(
    "--check",
    "checks",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Table of identifiers that no byte of the copies may hold. Repeatable.",
)
@click.option("--keep", multiple=True, metavar="COLUMN", help="Column of the lab's own sheets to keep. Repeatable.")
@click.option(
    "--dates",
    default="shifted",
    show_default=True,
    type=click.Choice(["shifted", "year", "none"]),
    help="What becomes of the day of acquisition.",
)
@one_line
def deidentify(
    folder: Path, out: Path, key: Path | None, checks: tuple[Path, ...], keep: tuple[str, ...], dates: Any
) -> None:
    """Copy the FCS files of FOLDER, and its study, without what could name a patient; events bit for bit."""
    from phenotype.deidentify import deidentify_folder
    from phenotype.progress import progress_bar

    with progress_bar(quiet=False) as progress:
        found = deidentify_folder(folder, out, key=key, checks=checks, keep=keep, dates=dates, progress=progress)
    short = [f"{column}: {count}" for column, count in found.skipped.items()]
    every = sys.maxsize
    _print_some("FCS files refused, not copied", list(found.failures), every, err=True)
    _print_some("not FCS, not copied", list(found.others), every)
    _print_some("to know", list(found.notes), every)
    _print_some("columns with identifiers too short to search for (it takes 4 characters, or 6 digits)", short, every)
    _print_some("places where an identifier is left", [str(hit) for hit in found.hits], every, err=True)
    if found.hits:
        _say(f"{out}: not made, as an identifier is left; the copies are withheld in {found.folder}", err=True)
    elif found.written:
        _say(f"{found.written} copies in {found.folder}, {found.searched} identifiers searched for, none found")
        _say(f"old and new names: {found.mapping}; keep it and the key from whoever gets the copies")
    sys.exit(found.status)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--patients", type=click.IntRange(min=3), default=141, show_default=True)
@click.option("--events", type=click.IntRange(min=500), default=60_000, show_default=True, help="Events per product.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--cohort", type=click.Path(path_type=Path), help="Clinical cohort .csv to use instead of a drawn one.")
@click.option("--kinetics", type=click.Path(path_type=Path), help="Its expansion kinetics .csv.")
@click.option("--harder", is_flag=True, help="Other spillover, wider negatives, 15 % intermediate cells.")
@one_line
def simulate(
    folder: Path, patients: int, events: int, seed: int, cohort: Path | None, kinetics: Path | None, harder: bool
) -> None:
    """Write a SYNTHETIC study with known truth into FOLDER."""
    from phenotype.progress import progress_bar
    from phenotype.simulate import simulate_from_command

    with progress_bar(quiet=False) as progress:
        simulate_from_command(
            folder,
            patients=patients,
            events=events,
            seed=seed,
            cohort=cohort,
            kinetics=kinetics,
            harder=harder,
            progress=progress,
        )
    _say(f"{folder}: synthetic study of {patients} patients; truth/ says what is in each file")


def _each(files: Iterable[Path], function: Callable[[Path], Any]) -> tuple[list[Any], list[dict[str, str]]]:
    """Apply a function to each file; a fault of one is no fault of the next."""
    from gating import GatingError

    found, faults = [], []
    for path in files:
        try:
            found.append(function(path))
        except (GatingError, OSError) as error:
            faults.append({"file": path.name, "error": str(error)})
    return found, faults


def _say_faults(faults: list[dict[str, str]], found: list[Any]) -> int:
    for fault in faults:
        _say(fault["error"], err=True)
    if not faults:
        return 0
    return 1 if found else NOTHING_DONE


def _print_run(summary: Any) -> None:
    """Print what failed, what wants a look, and where the report is."""
    reused = f", {summary.reused} from an earlier run" if summary.reused else ""
    _say(f"{summary.gated} of {summary.samples} samples gated{reused} in {summary.seconds:.0f} s")
    _print_some("not processed", [f"{row['error']}" for row in summary.failures])
    _print_some(_to_review(summary.review), [_review_line(row) for row in summary.review])
    _print_some("products without a clinical row, in no comparison", list(summary.without_clinical))
    _print_some("patients without a product", list(summary.without_product))
    _print_some("to know", list(summary.notes))
    _say(f"report: {summary.report}")


def _to_review(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return how many things a person should look at, and how many of them have no number."""
    refused = sum(row["status"] == "refused" for row in rows)
    return f"to review (review.csv), {refused} of them refused" if refused else "to review (review.csv)"


def _review_line(row: Mapping[str, Any]) -> str:
    """Return one thing to look at on one line."""
    cut = f"{row['marker']} on {row['population']} {row['status']}: " if row["marker"] else ""
    return f"{row['sample_id']}: {cut}{row['reason']}"


def _print_some(title: str, lines: list[str], most: int = 12, *, err: bool = False) -> None:
    if lines:
        _say(f"{len(lines)} {title}:", err=err)
        for line in lines[:most]:
            _say(f"  {line}", err=err)
    if len(lines) > most:
        _say(f"  ... and {len(lines) - most} more, in the report", err=err)


def _say(text: str, *, err: bool = False) -> None:
    """Print text without signs that steer a terminal or turn the text around them: names come from files."""
    signs = (sign if sign == "\n" or unicodedata.category(sign)[0] != "C" else "?" for sign in text)
    click.echo("".join(signs), err=err)


def _print_json(value: Mapping[str, Any]) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
