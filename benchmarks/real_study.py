"""A study around a folder of real T-cell files that no CAR was stained on, run as an analyst would.

For ``luciernaga.py`` and ``omip021.py``: the default template, its subsets among all T cells, and ``phenotype run``.
"""

import csv
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from phenotype.subsets import DEFAULT_TEMPLATE, SUBSETS


def template_without_car() -> str:
    """Return the default template without the rows of CAR, the subsets among all T cells."""
    rows = [line for line in DEFAULT_TEMPLATE.splitlines() if "CAR" not in line.split(",")[0]]
    return "\n".join(row.replace(",CAR+ T,", ",T cells,") for row in rows) + "\n"


def write_study(
    folder: Path,
    products: Iterable[Path],
    *,
    name: str,
    compensation: str,
    markers: Mapping[str, str],
    alternatives: Mapping[str, str],
    controls: Mapping[str, Path] = {},
) -> Path:
    """Write a study around copies of files, a patient each; return its study.toml."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    products = sorted(products)
    for path in (*products, *controls.values()):
        shutil.copy(path, folder)
    rows = [f"{path.name},{path.stem},product,0,B1," for path in products]
    rows += [f"{path.name},,{role},,B1," for role, path in controls.items()]
    (folder / "samples.csv").write_text("\n".join(["file,patient_id,role,day,batch,marker", *rows]) + "\n")
    patients = [f"{path.stem},2020-01-01,0" for path in products]
    (folder / "clinical.csv").write_text("\n".join(["patient_id,infusion_date,prior_asct", *patients]) + "\n")
    (folder / "gating.csv").write_text(template_without_car())
    sections = {
        "study": {"name": name, "samples": "samples.csv", "clinical": "clinical.csv", "template": "gating.csv"},
        "compensation": {"source": compensation},
        "markers": markers,
        "alternatives": alternatives,
    }
    (folder / "study.toml").write_text("\n".join(_section(title, keys) for title, keys in sections.items()))
    return folder / "study.toml"


def _section(title: str, keys: Mapping[str, str]) -> str:
    return "\n".join([f"[{title}]", *(f'{key} = "{value}"' for key, value in keys.items()), ""])


def run_and_show(title: str, study: Path) -> None:
    """Run a study with the command; print what it says, each cut that was asked for, and the fractions."""
    print(f"\n=== {title}\n$ phenotype run {study.name}", flush=True)
    done = subprocess.run([sys.executable, "-m", "phenotype", "run", str(study)], capture_output=True, text=True)
    said = done.stdout if done.returncode < 2 else done.stderr
    print(f"{said.strip()}\nexit status {done.returncode}")
    results = study.parent / "results"
    if not (results / "subsets.csv").is_file():
        return
    print("\nthresholds.csv: how sure each cut is")
    for row in _rows(results / "thresholds.csv"):
        place = f"{row['marker']} on {row['population']} {row['within']}".strip()
        print(f"  {row['sample_id']:<24}{place:<28}{row['n']:>6}  {row['status']:<8}{row['note']}")
    print("\nsubsets.csv: percent of T cells, with the interval")
    found: dict[str, dict[str, str]] = {}
    for row in _rows(results / "subsets.csv"):
        found.setdefault(row["sample_id"], {})[row["subset"]] = _percent(row)
    for sample, subsets in found.items():
        print(f"  {sample:<24}" + "  ".join(f"{subset} {subsets[subset]}" for subset in SUBSETS))
    print("\nreview.csv: refused, and what would settle it")
    for row in _rows(results / "review.csv"):
        if row["status"] in {"failed", "refused"}:
            what = f"{row['marker']} on {row['population']}: " if row["marker"] else ""
            print(f"  {row['sample_id']}: {what}{row['reason']}")
            print(f"    -> {row['resolve']}")


def _percent(row: Mapping[str, str]) -> str:
    if not row["fraction"]:
        return f"no number ({row['flags']})"
    value, low, high = (100 * float(row[key]) for key in ("fraction", "ci_low", "ci_high"))
    return f"{value:.1f} ({low:.1f}-{high:.1f}{', ' + row['flags'] if row['flags'] else ''})"


def _rows(path: Path) -> Sequence[Mapping[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
