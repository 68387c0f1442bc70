"""What a batch teaches its samples: error and coverage of cuts on simulated T cells, each alone and with the others.

    python benchmarks/batches.py [STUDIES]

Each study has batches of ten products; the truth is where the densities of negative and positive cells cross.
Settings: plain and ``harder``; 500 to 20,000 events per file; a batch that sheds half of its
CD62L; and one product of each batch measured at another voltage (CD62L and CD45RA 0.3 decades brighter). Errors are in
decades; coverage is the share of 95 % intervals that hold the truth.
"""

import sys
from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np

from gating import (
    Lesson,
    Taught,
    compensate,
    control_values,
    file_spillover,
    gate_sample,
    lessons_of,
    parse_template,
    pool_lessons,
)
from phenotype.simulate.plan import StudyPlan, make_sample, plan_study
from phenotype.simulate.settings import DEFAULTS, HARDER, SimulationSettings

MARKERS = ("CD62L", "CD45RA")
TREE = (
    "population,parent,channels,method,arguments\nCells,root,FSC-A,debris,\nT cells,Cells,CD3,valley(min_events=100),\n"
)
CHAINS = {
    "alone": "valley",
    "shrunk": "valley(shrink=yes)",
    "or batch": "valley > batch",
    "batch first": "batch > valley",
    "or FMO": "valley > control(fmo)",
    "shrunk or batch": "valley(shrink=yes) > batch",
}


@dataclass(frozen=True)
class Setting:
    """One kind of study."""

    name: str
    settings: SimulationSettings
    events: int
    shedding: bool = False
    voltage: float = 0.0


SETTINGS = [
    *(Setting(f"plain {n}", DEFAULTS, n) for n in (500, 1000, 2000, 4000, 20_000)),
    *(Setting(f"harder {n}", HARDER, n) for n in (500, 1000, 2000, 4000, 20_000)),
    Setting("shedding 2000", DEFAULTS, 2000, shedding=True),
    Setting("voltage 2000", DEFAULTS, 2000, voltage=0.3),
]


def template(chain: str):
    """Return a tree that cuts both markers on T cells by a chain."""
    rows = "".join(f'{marker}+,T cells,{marker},"{chain}",\n' for marker in MARKERS)
    return parse_template(TREE + rows)


def sample_of(plan: StudyPlan, tube, position: int, setting: Setting):
    """Return one product, compensated, and the true cuts."""
    instruments = plan.instruments
    if setting.voltage and position == 0:
        brighter = (
            instruments[tube.batch].brighter("CD62L", 10**setting.voltage).brighter("CD45RA", 10**setting.voltage)
        )
        plan = replace(plan, instruments=(*instruments[: tube.batch], brighter, *instruments[tube.batch + 1 :]))
    sample, _, instrument = make_sample(tube, plan)
    return compensate(sample, file_spillover(sample)), instrument.thresholds()


def study(setting: Setting, seed: int):
    """Yield a row for each cut: chain, marker, group, error (NaN if refused), whether its interval held, origin."""
    plan = plan_study(
        patients=40, events=setting.events, control_events=5000, seed=seed, settings=setting.settings, defects=False
    )
    if setting.shedding:
        first = plan.instruments[0].shed("CD62L", setting.settings.shedding)
        plan = replace(plan, instruments=(first, *plan.instruments[1:]))
    products = [tube for tube in plan.tubes if tube.role == "product"]
    made = [(tube, *sample_of(plan, tube, position, setting)) for tube in products for position in [tube.position]]
    tubes = {(tube.batch, tube.marker): tube for tube in plan.tubes if tube.role == "fmo" and tube.marker in MARKERS}
    fmo = {key: make_sample(tube, plan)[0] for key, tube in tubes.items()}
    fmo = {key: compensate(tube, file_spillover(tube)) for key, tube in fmo.items()}
    for name, chain in CHAINS.items():
        gates = template(chain)
        values = {
            key: control_values(tube, gates, population="T cells", marker=key[1])
            for key, tube in (fmo if "fmo" in chain else {}).items()
        }
        lessons: dict[tuple[int, str, str], list[Lesson]] = defaultdict(list)
        if name != "alone":
            for tube, sample, _ in made:
                for (on, marker), lesson in lessons_of(gate_sample(sample, gates), tube.file).items():
                    lessons[tube.batch, on, marker].append(lesson)
        priors = {key: pool_lessons(f"B{key[0] + 1}", found) for key, found in lessons.items()}
        for tube, sample, truth in made:
            teaching = {(on, marker): Taught(prior) for (b, on, marker), prior in priors.items() if b == tube.batch}
            controls = {("fmo", "T cells", marker): found for (b, marker), found in values.items() if b == tube.batch}
            gated = gate_sample(sample, gates, controls=controls, teaching=teaching)
            for marker in MARKERS:
                cut = gated.populations[f"{marker}+"].thresholds
                yield name, marker, _group(setting, tube), *_judged(cut[0] if cut else None, truth[marker])


def _group(setting: Setting, tube) -> str:
    if setting.voltage:
        return "the odd one" if tube.position == 0 else "the others"
    return ("shed" if tube.batch == 0 else "others") if setting.shedding else "all"


def _judged(cut, truth: float):
    if cut is None or cut.refused:
        return float("nan"), float("nan"), ""
    low, high = cut.interval
    return float(np.log10(max(cut.value, 1) / truth)), float(low <= truth <= high), cut.origin


def main() -> None:
    """Print a row for each setting, marker, group and chain."""
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    print(
        f"{'setting':15} {'marker':7} {'group':12} {'chain':16} cuts refused  rmse  bias  sd  coverage  rmse by origin"
    )
    for setting in SETTINGS:
        rows = [row for seed in range(studies) for row in study(setting, seed)]
        for marker in MARKERS:
            for group in dict.fromkeys(row[2] for row in rows):
                for chain in CHAINS:
                    chosen = [row[3:] for row in rows if row[:3] == (chain, marker, group)]
                    errors = np.array([row[0] for row in chosen])
                    known = errors[np.isfinite(errors)]
                    if not len(known):
                        print(f"{setting.name:15} {marker:7} {group:12} {chain:16} all {len(errors)} refused")
                        continue
                    by = {
                        origin: np.sqrt(np.mean([row[0] ** 2 for row in chosen if row[2] == origin]))
                        for origin in dict.fromkeys(row[2] for row in chosen if row[2])
                    }
                    words = ", ".join(f"{k} {v:.3f} ({sum(r[2] == k for r in chosen)})" for k, v in sorted(by.items()))
                    refused = len(errors) - len(known)
                    print(
                        f"{setting.name:15} {marker:7} {group:12} {chain:16} {len(known):4} {refused:7} "
                        f"{np.sqrt(np.mean(known**2)):.3f} {known.mean():+.3f} {known.std():.3f} "
                        f"{np.nanmean([row[1] for row in chosen]):8.2f}  {words}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
