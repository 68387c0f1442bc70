"""How far our numbers are from R's, case by case.

    python -m benchmarks.golden_agreement

Prints for each case: what computes it, how many numbers were compared, the largest relative difference and where it
is. Cases that are not on this machine (``tests/golden/README.md``) are named. Ends with an error if a number is missing
on one side, or a difference exceeds the case's tolerance.
"""

import sys

from tests.phenotype.statistics.agreement import compare
from tests.phenotype.statistics.conftest import read_case
from tests.phenotype.statistics.test_golden import CASES


def main() -> int:
    wrong = []
    print(f"{'case':24} {'computed by':14} {'numbers':>7}  {'largest':>8}  where")
    for name, case in CASES.items():
        try:
            data, answer = read_case(name)
        except LookupError:
            print(f"{name:24} not on this machine")
            continue
        result = compare(case, data, answer)
        print(f"{name:24} {case.library:14} {result.compared:7d}  {result.largest:8.1e}  {result.worst}")
        if result.mismatched or result.forgotten or result.outside:
            wrong.append(name)
    if wrong:
        print("outside the tolerance, or with numbers on one side alone:", ", ".join(wrong), file=sys.stderr)
    return len(wrong)


if __name__ == "__main__":
    sys.exit(main())
