"""The report on paper: every part open, every picture in it, the same bytes each time."""

import builtins

import pytest

from phenotype.report import ReportError, build_pdf
from phenotype.report import build as module


def weasyprint():
    """Skip where it is not installed, or its library is missing."""
    try:
        pytest.importorskip("weasyprint", reason="the extra pdf is not installed", exc_type=ImportError)
    except OSError as error:
        pytest.skip(f"WeasyPrint lacks a library: {error}")


def test_a_pdf_is_the_same_bytes_each_time(results):
    """A report in an archive can be proved to be that of its tables."""
    weasyprint()

    first = build_pdf(results).read_bytes()

    assert first.startswith(b"%PDF")
    assert build_pdf(results).read_bytes() == first


def test_paper_has_no_script_and_every_picture_at_once(results, monkeypatch):
    """What would be unpacked by a click is there without one; and nothing is fetched to set it."""
    pages = []
    monkeypatch.setattr(module, "_pdf_writer", lambda: lambda page: pages.append(page) or b"%PDF")

    build_pdf(results)

    assert "<script" not in pages[0]
    assert "data-packed" not in pages[0]
    assert pages[0].count("data:image/svg+xml;base64") >= 10


def test_a_picture_from_elsewhere_stops_it(tmp_path):
    """WeasyPrint would read any file that a page names; here it may read what is embedded only."""
    weasyprint()
    secret = tmp_path / "secret.svg"
    secret.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>", encoding="utf-8")

    from weasyprint.urls import FatalURLFetchingError

    with pytest.raises(FatalURLFetchingError, match="secret"):
        module._pdf_writer()(f"<p><img src='{secret.as_uri()}'>")


def test_without_weasyprint_the_way_out_is_said(results, monkeypatch):
    """The extra is not everybody's; the sentence says what to type and what else will do."""
    found = builtins.__import__

    def lacking(name, *rest):
        if name.startswith("weasyprint"):
            raise ImportError("No module named 'weasyprint'")
        return found(name, *rest)

    monkeypatch.setattr(builtins, "__import__", lacking)

    with pytest.raises(ReportError, match=r"pip install 'phenotype\[pdf\]', or print report\.html"):
        build_pdf(results)
