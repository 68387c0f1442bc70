"""What thresholds of the default tree cost on a million events, beyond reading, compensating and applying the gates.

    python benchmarks/threshold_cost.py [EVENTS]

Simulates one product without controls of its own, writes and reads it, and prints processor seconds of one core,
medians of nine: reading and compensating, the whole tree, the same gates applied again, and the difference.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from gating import compensate, file_spillover, gate_sample, parse_template, read_fcs
from gating.gates import BooleanGate
from gating.populations import GatedSample
from phenotype.simulate import simulate_study
from phenotype.subsets import DEFAULT_TEMPLATE

ROUNDS = 9


def seconds(work: Callable[[], object]) -> float:
    """Return processor seconds, the median of several rounds after one that warms up."""
    work()
    taken = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return float(np.median(taken))


def apply(gated: GatedSample) -> int:
    """Apply every gate again to the events, as the tree does; return the events of the last population."""
    members = {"root": np.ones(len(gated.sample), dtype=bool)}
    for name, population in gated.populations.items():
        gate, parent = population.gate, members.get(population.parent or "")
        if gate is None or parent is None:
            continue
        if isinstance(gate, BooleanGate):
            members[name] = parent & gate.combine([members[operand] for operand in gate.operands])
        else:
            columns = [gated.columns.get(channel, gated.sample.index(channel)) for channel in gate.channels]
            members[name] = parent & gate.contains(gated.sample.events[:, columns])
    return int(next(reversed(members.values())).sum())


def main(events: int) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        simulate_study(Path(folder), patients=1, events=events, control_events=100, defects=False)
        path = next(Path(folder).glob("fcs/*product*.fcs"))
        template = parse_template(DEFAULT_TEMPLATE)

        def read() -> object:
            sample = read_fcs(path)
            matrix = file_spillover(sample)
            return compensate(sample, matrix) if matrix else sample

        reading, sample = seconds(read), read()
        gated = gate_sample(sample, template)  # type: ignore[arg-type]
        tree = seconds(lambda: gate_sample(sample, template))  # type: ignore[arg-type]
        applying = seconds(lambda: apply(gated))
    refused = [name for name, population in gated.populations.items() if population.members is None]
    print(f"{events:,} events, one core; refused: {', '.join(refused) or 'none'}")
    for name, taken in (("read and compensate", reading), ("whole tree", tree), ("gates applied", applying)):
        print(f"{name:22}{1000 * taken:8.0f} ms")
    print(f"{'thresholds':22}{1000 * (tree - applying):8.0f} ms")


if __name__ == "__main__":
    with threadpool_limits(1):
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
