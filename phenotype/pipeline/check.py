"""``phenotype check``: everything a run would read, read; nothing gated."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phenotype.pipeline.plan import Plan, make_plan

__all__ = ["CheckResult", "check_study"]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a study holds, which files a run would leave out, and what else is odd."""

    name: str
    files: int
    patients: int
    groups: dict[str, int]
    failures: tuple[str, ...]
    without_clinical: tuple[str, ...]
    without_product: tuple[str, ...]
    missing_controls: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def status(self) -> int:
        """0 nothing to complain of; 1 a run would work, and leave something out."""
        return 1 if self.failures or self.without_clinical or self.missing_controls else 0

    def as_dict(self) -> dict[str, Any]:
        """Return the result as one JSON object."""
        return {name: getattr(self, name) for name in self.__slots__} | {"status": self.status}

    def lines(self) -> list[str]:
        """Return the result as text."""
        groups = ", ".join(f"{name} {count}" for name, count in self.groups.items())
        lines = [f"{self.name}: {self.files} files to gate, {self.patients} patients ({groups})"]
        titles = {
            "failures": "left out",
            "without_clinical": "products without a clinical row",
            "without_product": "patients without a product",
            "missing_controls": "controls that are not there",
            "notes": "to know",
        }
        for name, title in titles.items():
            found = getattr(self, name)
            lines += [f"{len(found)} {title}:", *(f"  {line}" for line in found)] if found else []
        if self.status == 0:
            lines.append("nothing to correct")
        return lines


def check_study(path: Path) -> CheckResult:
    """Read and validate what a run would.

    Raises
    ------
    StudyError
        With every fault that would stop a run.
    """
    plan = make_plan(path)
    return CheckResult(
        name=plan.study.name,
        files=len(plan.samples),
        patients=len(plan.patients),
        groups={
            str(k) or "not known": int(v) for k, v in plan.patients["asct_group"].value_counts().sort_index().items()
        },
        failures=tuple(failure["error"] for failure in plan.failures),
        without_clinical=tuple(plan.join.without_clinical),
        without_product=tuple(plan.join.without_product),
        missing_controls=tuple(_missing_controls(plan)),
        notes=plan.notes,
    )


def _missing_controls(plan: Plan) -> list[str]:
    """List thresholds whose first step is a control that a batch does not have."""
    missing = []
    for row in plan.recipe.template.rows:
        if not row.controls or not row.method.startswith("control"):
            continue
        role, population, marker = row.controls[0]
        missing += [
            f"batch {batch or '(none)'}: no {role} control for {marker}; {row.population} falls to the next step"
            for batch in sorted({sample.batch for sample in plan.samples})
            if (batch, role, population, marker) not in plan.controls
        ]
    return missing
