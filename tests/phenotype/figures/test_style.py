"""Files that repeat, text that cannot act."""

from xml.etree import ElementTree

import matplotlib as mpl
import pytest

from phenotype.figures.style import drawable, mark_synthetic, new_figure, save_figure, style


def labelled(text):
    """Return a figure that says one thing."""
    with style():
        figure = new_figure(2, 1)
        figure.text(0.1, 0.5, text)
        figure.add_axes((0.5, 0.5, 0.4, 0.4)).plot([1, 2], [1, 2], marker="o")
        return figure


def test_saved_twice_is_the_same_bytes(tmp_path):
    """A report that changes when nothing changed cannot be compared with last week's: no dates, no random names."""
    first = [path.read_bytes() for path in save_figure(labelled("a"), tmp_path / "one")]
    second = [path.read_bytes() for path in save_figure(labelled("a"), tmp_path / "two")]

    assert first == second


def test_svg_text_stays_text_and_markup_is_inert(tmp_path):
    """Names come from files: markup must arrive as letters, and a reader should be able to select them."""
    svg, _ = save_figure(labelled('<script>alert(1)</script> "&'), tmp_path / "x")

    root = ElementTree.fromstring(svg.read_text(encoding="utf-8"))  # noqa: S314 - our own file

    words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]

    assert '<script>alert(1)</script> "&' in words
    assert not list(root.iter("{http://www.w3.org/2000/svg}script"))


def test_dollar_signs_are_letters(tmp_path):
    """Between two dollar signs matplotlib would set mathematics, and fail on what is none: `$TOT and $PAR`."""
    svg, _ = save_figure(labelled(r"$TOT and $PAR, $\frac{$"), tmp_path / "x")

    assert r"$TOT and $PAR, $\frac{$" in svg.read_text(encoding="utf-8")


def test_a_name_with_foreign_signs_is_drawn_without_a_warning(tmp_path):
    """The font has no Chinese; a box is drawn, where a warning would stop a test and clutter a screen."""
    svg, _ = save_figure(labelled(drawable("患者 7\u202e")), tmp_path / "x")

    assert "□□ 7" in svg.read_text(encoding="utf-8")


def test_settings_do_not_leak():
    """A notebook that imports a figure keeps its own style."""
    before = dict(mpl.rcParams)

    labelled("a")

    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(("synthetic", "marks"), [(True, 1), (False, 0)])
def test_synthetic_figures_say_so(synthetic, marks):
    """Figures travel without their report."""
    figure = new_figure(2, 1)

    mark_synthetic(figure, synthetic=synthetic)

    assert ["SYNTHETIC" in text.get_text() for text in figure.texts] == [True] * marks


def test_no_half_file_is_left(tmp_path):
    """A report must never embed a picture that was cut short."""
    save_figure(labelled("a"), tmp_path / "x")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.png", "x.svg"]
