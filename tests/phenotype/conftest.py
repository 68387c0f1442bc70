"""A small study made by hand, whole enough for the command line: six products, controls, a clinical sheet."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gating import Channel, Sample, write_fcs
from phenotype.subsets import DEFAULT_TEMPLATE

PANEL = {
    "Time": "",
    "FSC-A": "",
    "FSC-H": "",
    "SSC-A": "",
    "BV421-A": "CD62L",
    "BV510-A": "CD45RA",
    "PE-A": "CAR",
    "PE-Cy5-A": "CD3",
    "APC-H7-A": "Viability",
}
DYES = [name for name in PANEL if PANEL[name]]
SPILL = np.eye(5) + 0.03 * (1 - np.eye(5))
SPILLOVER = ",".join([str(len(DYES)), *DYES, *(f"{x:g}" for x in SPILL.ravel())])

STUDY = """[study]
name = "Six invented patients"
samples = "samples.csv"
clinical = "clinical.csv"
template = "gating.csv"

[compensation]
source = "file"

[asct]
reference = "infusion"
within_days = 365
"""
CLINICAL = """patient_id,infusion_date,prior_asct,last_asct_date,death_date
P1,2021-01-01,0,,
P2,2021-01-02,0,,
P3,2021-01-03,0,,2022-05-05
P4,2021-01-04,1,2018-01-01,
P5,2021-01-05,1,2018-01-01,
P6,2021-01-06,1,2020-01-07,
"""


def events(rng: np.random.Generator, n: int, *, car: float = 0.4, naive: float = 0.5) -> np.ndarray:
    """Return n compensated events of a product: 5 % debris, 10 % dead, 95 % T cells."""

    def stain(share: float, positive: float = 4.0, negative: float = 2.3) -> np.ndarray:
        bright = rng.random(n) < share
        return 10 ** np.where(bright, rng.normal(positive, 0.25, n), rng.normal(negative, 0.25, n))

    size = np.where(rng.random(n) < 0.05, rng.normal(15_000, 3_000, n), rng.normal(80_000, 9_000, n))
    time, height, side = np.sort(rng.uniform(0, 60, n)), size / 1.3 * rng.normal(1, 0.02, n), rng.normal(4e4, 8e3, n)
    dyes = [stain(0.7), stain(naive), stain(car), stain(0.95), stain(0.1, 4.4, 2.4)]
    return np.column_stack([time, size, height, side, *dyes])


def write_tube(path: Path, seed: int, *, n: int = 4000, spillover: str = SPILLOVER, **shares: float) -> None:
    """Write one tube: events mixed by the spillover, labelled with the panel."""
    found = events(np.random.default_rng(seed), n, **shares)
    found[:, 4:] = found[:, 4:] @ SPILL
    keywords = {"$SPILLOVER": spillover, "SYNTHETIC": "TRUE"} if spillover else {"SYNTHETIC": "TRUE"}
    channels = tuple(Channel(name, marker) for name, marker in PANEL.items())
    path.parent.mkdir(parents=True, exist_ok=True)
    write_fcs(path, Sample(path.name, channels, found, keywords))


@pytest.fixture(scope="session")
def _tubes(tmp_path_factory) -> Path:
    """Write the FCS files once a session."""
    folder = tmp_path_factory.mktemp("tubes")
    for i in range(1, 7):
        write_tube(folder / f"P{i}.fcs", i, naive=0.3 + 0.05 * i)
    write_tube(folder / "untransduced.fcs", 99, car=0.0)
    return folder


@pytest.fixture(scope="session")
def make_study(_tubes) -> Callable[[Path], Path]:
    """Give a function that writes a copy of the study into a folder; returns its study.toml."""

    def make(folder: Path) -> Path:
        (folder / "fcs").mkdir(parents=True)
        for tube in _tubes.iterdir():
            (folder / "fcs" / tube.name).write_bytes(tube.read_bytes())
        rows = [f"fcs/P{i}.fcs,P{i},product,0,B1," for i in range(1, 7)]
        rows += ["fcs/untransduced.fcs,,untransduced,,B1,"]
        (folder / "samples.csv").write_text("\n".join(["file,patient_id,role,day,batch,marker", *rows]) + "\n")
        (folder / "clinical.csv").write_text(CLINICAL)
        (folder / "gating.csv").write_text(DEFAULT_TEMPLATE)
        (folder / "study.toml").write_text(STUDY)
        return folder / "study.toml"

    return make


@pytest.fixture
def study(tmp_path, make_study) -> Path:
    """Give a fresh copy of the study; returns its study.toml."""
    return make_study(tmp_path / "study")


@pytest.fixture
def change() -> Callable[[Path, str, str], None]:
    """Give a function that replaces a text in a file, once, and complains if it is not there."""

    def replace(path: Path, old: str, new: str) -> None:
        text = path.read_text()
        assert old in text, f"{old!r} is not in {path.name}"
        path.write_text(text.replace(old, new, 1))

    return replace


@pytest.fixture
def tube() -> Callable[..., None]:
    """Give the function that writes a tube of the study's panel."""
    return write_tube
