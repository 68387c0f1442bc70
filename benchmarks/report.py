"""What the report of a finished run costs: time to build, size, bytes of a second build, and how soon it can be used.

Usage: python benchmarks/report.py RESULTS [JOBS]

RESULTS is copied first. The page is opened five times in Chromium (Playwright), from a file, as from a mail; printed
are medians: when the first page is seen, when all of it is read, how long a search, a sort and a sample's gates take.
For 500 samples: ``phenotype simulate STUDY --patients 500 --events 12000``, ``phenotype run STUDY/study.toml``, then
this on STUDY/results.
"""

import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from phenotype.report import build_report

PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN"
READ = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"


def built(folder: Path, jobs: int) -> tuple[float, bytes]:
    started = time.perf_counter()
    page = build_report(folder, jobs=jobs)
    return time.perf_counter() - started, page.read_bytes()


def used(page: Path, chromium: str) -> list[tuple[float, ...]]:
    """Return seconds to first paint, to all read, of a search, of a sort, of a sample's gates; a row each time."""
    from playwright.sync_api import sync_playwright

    rows = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for _ in range(5):
            tab = browser.new_page(viewport={"width": 1440, "height": 900})
            tab.goto(page.as_uri())
            seen = [tab.evaluate(PAINTED) / 1000, tab.evaluate(READ) / 1000]
            started = time.perf_counter()
            tab.fill("input[type=search]", "1")
            seen.append(time.perf_counter() - started)
            started = time.perf_counter()
            tab.locator("#product-table thead th button").nth(4).click()
            seen.append(time.perf_counter() - started)
            started = time.perf_counter()
            tab.evaluate("location.hash = '#gating-1'")
            while not tab.evaluate("document.querySelector('#gating-1 img')?.naturalWidth || 0"):
                time.sleep(0.005)
            seen.append(time.perf_counter() - started)
            rows.append(tuple(seen))
            tab.close()
        browser.close()
    return rows


def main(results: Path, jobs: int) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "results"
        shutil.copytree(results, folder, ignore=shutil.ignore_patterns("figures", "report.*", "ledger"))
        first, bytes_of_first = built(folder, jobs)
        again, bytes_of_second = built(folder, jobs)
        print(f"built in {first:.1f} s, again in {again:.1f} s, {len(bytes_of_first) / 1e6:.1f} MB")
        print(f"second build: {'the same bytes' if bytes_of_first == bytes_of_second else 'OTHER BYTES'}")
        if chromium is None:
            print("no Chromium: not opened")
            return
        medians = [statistics.median(column) for column in zip(*used(folder / "report.html", chromium), strict=True)]
    names = ("first page seen", "all read", "search", "sort", "gates of a sample")
    print(", ".join(f"{name} {seconds:.2f} s" for name, seconds in zip(names, medians, strict=True)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 2)
