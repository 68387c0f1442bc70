"""What the program says of four human T-cell stains of a spectral cytometer, 2,000 unmixed events each.

    python benchmarks/luciernaga.py ../shared/data/luciernaga_spectral_tcell FOLDER

Five studies in FOLDER, through ``phenotype run``: with the compensation that ``phenotype init`` writes, with a matrix
of one's own, and, said to be compensated already, with the default CD62L, with CCR7 and with CD27 in its place. The
files have no gates by hand: what is refused and why is the result.
"""

import sys
from pathlib import Path

from real_study import run_and_show, write_study

MATRIX = "BUV395-A,BUV496-A\n1,0.05\n0.02,1\n"


def main(source: Path, folder: Path) -> None:
    """Run and print each study."""
    products = list(source.glob("*_Tetramer.fcs"))
    unstained = {"unstained": next(source.glob("*_Unstained.fcs"))}
    none = {"compensation": "none"}
    studies = {
        "as phenotype init writes it": {"compensation": "file"},
        "a matrix of one's own": {"compensation": "matrix.csv"},
        "unmixed, said so; CD62L x CD45RA": none,
        "CCR7 for CD62L": none | {"alternatives": {"CD62L": "CCR7"}},
        "CD27 for CD62L": none | {"alternatives": {"CD62L": "CD27"}},
    }
    for number, (title, options) in enumerate(studies.items(), start=1):
        settings = {"markers": {}, "alternatives": {}} | options
        study = write_study(folder / f"study_{number}", products, name=title, controls=unstained, **settings)
        if settings["compensation"] == "matrix.csv":
            (study.parent / "matrix.csv").write_text(MATRIX)
        run_and_show(title, study)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
