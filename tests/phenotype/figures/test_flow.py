"""The flow of patients: every box is drawn, with its number, and nothing runs out of it."""

import pytest

from phenotype.figures.flow import MOST_PARTS, Part, Step, draw_flow

ANALYSES = ("all of the group", "response evaluable", "followed for PFS", "relapse, if in CR", "expansion measured")
GROUPS = ("No ASCT", "ASCT > 1 y before", "ASCT ≤ 1 y before", "ASCT, date unknown", "Group not known")


def flow(n=26, *, reasons=("gate refused",), groups=GROUPS[:3]):
    """Return a flow of n patients."""
    parts = tuple(Part(reason, 1) for reason in reasons)
    return (
        Step("step", "Patients in the clinical sheet", n),
        Step("beside", "Patients with a product and no clinical row, in no number below", 2),
        Step("left_out", "No product in the sample sheet", 1),
        Step("step", "Product gated", n - 1),
        Step("left_out", "Without all four fractions", len(parts), parts),
        Step("step", "Four fractions of the product", n - 1 - len(parts)),
        *(Step("group", group, n, tuple(Part(words, n) for words in ANALYSES)) for group in groups),
    )


def words_of(figure):
    """Return every text of a figure."""
    return [text.get_text() for text in (*figure.axes[0].texts, *figure.texts) if text.get_text()]


def outside(figure):
    """Return the texts that are not wholly within one of the boxes."""
    boxes = [patch.get_window_extent() for patch in figure.axes[0].patches if patch.get_width() > 0.5]
    extents = {text.get_text(): text.get_window_extent() for text in figure.axes[0].texts if text.get_text()}
    return [
        words
        for words, extent in extents.items()
        if not any(box.x0 <= extent.x0 and extent.x1 <= box.x1 and box.y0 <= extent.y0 and extent.y1 <= box.y1
                   for box in boxes)
    ]  # fmt: skip


def test_every_box_has_its_number():
    """The figure counts nothing: it says what it was given."""
    words = words_of(draw_flow(flow(), synthetic=True))

    assert {
        "Patients in the clinical sheet: 26", "No product in the sample sheet: 1", "Product gated: 25",
        "Patients with a product and no clinical row, in no number below: 2", "gate refused: 1",
        "Four fractions of the product: 24", "ASCT ≤ 1 y before: 26", "SYNTHETIC DATA: no patient is shown",
    } <= set(words)  # fmt: skip
    assert words.count("relapse, if in CR") == 3


@pytest.mark.parametrize("groups", [GROUPS[:1], GROUPS[:3], GROUPS])
@pytest.mark.parametrize("n", [3, 26, 141, 54_321])
def test_words_stay_within_their_boxes(n, groups):
    """A number that runs out of its box is read as that of the next."""
    assert outside(draw_flow(flow(n, groups=groups))) == []


def test_boxes_do_not_overlap():
    """Neither beside each other nor below."""
    reasons = [f"reason {i}" for i in range(6)]
    patches = draw_flow(flow(141, reasons=reasons, groups=GROUPS)).axes[0].patches
    boxes = [patch.get_window_extent() for patch in patches if patch.get_width() > 0.5]

    assert len(boxes) == 3 + 1 + 2 + 5
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])


def test_hostile_and_many_reasons_are_cut_and_counted():
    """Direction signs, markup and a novel: the number stays within the box, and the rest of the reasons is one line."""
    reasons = [f"\u202e{i} <b>$x_1$ 患者 {'long ' * 30}" for i in range(MOST_PARTS + 2)]
    figure = draw_flow(flow(141, reasons=reasons))
    words = words_of(figure)

    assert outside(figure) == []
    assert not any("\u202e" in line for line in words)
    assert "2 other reasons: 2" in words
    assert sum(line.endswith("…: 1") for line in words) == MOST_PARTS


def test_parts_stand_a_little_to_the_right_in_a_browser_too():
    """Blanks at the start of a line are dropped there: the place must be one of the picture."""
    texts = {text.get_text(): text.get_position()[0] for text in draw_flow(flow()).axes[0].texts}

    assert texts["gate refused: 1"] > texts["Without all four fractions: 1"]
    assert not any(words != words.strip() for words in texts)


def test_nobody_is_said():
    """An empty picture would look like one that failed."""
    assert words_of(draw_flow(())) == ["No patients."]
    assert "Patients in the clinical sheet: 0" in words_of(
        draw_flow((Step("step", "Patients in the clinical sheet", 0),))
    )
