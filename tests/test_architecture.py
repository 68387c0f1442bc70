"""Who may import whom: read from the source, so that it cannot rot."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

GATING = [
    "errors", "tally", "markers", "sample", "fcs", "compensation", "transforms", "density", "spillover", "residual",
    "offsets", "priors", "references", "options", "gates", "thresholds", "frames", "pregates",
    "methods", "template", "alternatives", "populations", "kernels", "compiled", "streaming", "plausible", "exchange",
]  # fmt: skip
PHENOTYPE = [
    "errors", "cells", "memory", "workers", "progress", "dictionary", "subsets", "workbook", "tables", "study",
    "samples", "references", "expansion", "clinical", "kinetics", "endpoints", "statistics", "analyses",
    "published", "fractions", "frequencies", "plausible", "quality", "drift", "review_list", "spillover",
    "provenance", "instrument", "matrices", "panels", "figures", "report", "pipeline", "single", "info", "survey",
    "export", "deidentify", "simulate", "cli", "__main__",
]  # fmt: skip
"""From left to right: a module imports from its left, never from its right."""


def imports(path: Path) -> set[str]:
    """Return the dotted names that a module imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def modules(package: str) -> list[Path]:
    """Return every source file of a package."""
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", ["gating", "phenotype"])
def test_every_module_has_its_place(package):
    """A new module is given a place in the order, on purpose."""
    known = {"gating": GATING, "phenotype": PHENOTYPE}[package]
    found = {path.relative_to(ROOT / package).parts[0].removesuffix(".py") for path in modules(package)}

    assert found - {"__init__"} <= set(known)


@pytest.mark.parametrize(("package", "order"), [("gating", GATING), ("phenotype", PHENOTYPE)])
def test_modules_import_from_their_left_only(package, order):
    """What is below must not know what is above: else nothing can be read or tested alone."""
    wrong = []
    for path in modules(package):
        place = path.relative_to(ROOT / package).parts[0].removesuffix(".py")
        for name in imports(path):
            parts = name.split(".")
            inner = parts[0] == package and len(parts) > 1 and parts[1] in order and place in order
            if inner and order.index(parts[1]) > order.index(place):
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")

    assert wrong == []


def test_gating_knows_nothing_of_patients_tables_or_figures():
    """Gating is of use without this study, and must not be tuned to it."""
    forbidden = ("phenotype", "matplotlib", "seaborn", "pandas")

    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules("gating")
        if "exchange" not in path.parts
        for name in imports(path)
        if name.split(".")[0] in forbidden
    ]
    assert wrong == []


def test_phenotype_takes_from_gating_only_what_it_offers():
    """The public names are the contract; modules inside may move."""
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules("phenotype")
        for name in imports(path)
        if name.startswith("gating.") and (ROOT / "gating" / f"{name.split('.')[1]}.py").is_file()
    ]
    assert wrong == []


def test_only_the_command_line_and_the_simulator_know_the_simulator():
    """A gate that could look at the truth would prove nothing."""
    wrong = [
        str(path.relative_to(ROOT))
        for path in modules("phenotype") + modules("gating")
        if "simulate" not in path.parts and path.name != "cli.py"
        if any(name.startswith("phenotype.simulate") for name in imports(path))
    ]
    assert wrong == []


def test_files_are_touched_only_by_functions_that_say_so():
    """``read_`` and ``write_`` (and their helpers) open files; what lies between can be tested with three events."""
    wrong = []
    for path in modules("gating"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and not node.name.startswith(("read_", "write_", "_")):
                calls = {ast.unparse(call.func) for call in ast.walk(node) if isinstance(call, ast.Call)}
                if calls & {"open", "np.fromfile"} or any(call.endswith((".read_text", ".open")) for call in calls):
                    wrong.append(f"{path.relative_to(ROOT)}: {node.name}")
    assert wrong == []


def test_counting_by_fixed_gates_loads_no_heavy_library():
    """`phenotype gate` answers in the time that these need to load; one import at the top of a module ends that."""
    heavy = ("scipy", "pandas", "sklearn", "matplotlib", "numba")
    code = f"import sys, phenotype.cli, phenotype.single; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)

    assert found.stdout.strip() == "[]"
