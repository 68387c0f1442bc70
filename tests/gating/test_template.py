"""Templates: every fault of the file at once, each with its row."""

import pytest

from gating.errors import TemplateError
from gating.populations import needed_controls
from gating.template import parse_template, read_template

HEADER = "population,parent,channels,method,arguments\n"


def faults(*rows: str) -> tuple[str, ...]:
    """Return the faults of a template with these rows."""
    with pytest.raises(TemplateError) as caught:
        parse_template(HEADER + "\n".join(rows))
    return caught.value.faults


def test_all_faults_of_a_file_are_said_at_once():
    """Someone in a hurry should have to look once, not once per mistake."""
    assert faults("Live,Singlets,Viability,valley,side=below", "T cells,Live,CD3,medain,", "B cells,Live,,valley,") == (
        "row 2: no parent above 'Singlets'. Known: root",
        "row 3: no method 'medain'; did you mean 'margins'? Known: range, rectangle, polygon, ellipse, quadrant, "
        "margins, steady, debris, singlets, not, and, or, valley, control, batch, reference, otsu, mixture, at, refuse",
        "row 4: method 'valley' needs 1 channel, found 0: none; separate two with |",
    )


def test_a_circle_of_parents_is_named():
    """Each row of a circle looks plausible alone."""
    found = faults("A,B,CD3,valley,", "B,C,CD4,valley,", "C,A,CD8,valley,")

    assert found[0] == "row 2: parents go in a circle: B <- C <- A <- B; one of them must lie on root"


def test_an_orphan_is_not_silently_on_root():
    """A parent that is nowhere is a typing error."""
    assert faults("T cells,Lvie,CD3,valley,") == ("row 2: no parent above 'Lvie'. Known: root",)


def test_a_parent_below_is_said_to_be_below():
    """The row is right; only its place is wrong."""
    assert faults("T cells,Live,CD3,valley,", "Live,root,Viability,valley,side=below") == (
        "row 2: parent 'Live' is in row 3, below; put parents first",
    )


def test_a_name_used_twice_is_refused():
    """A name is all that other tables say of a population."""
    assert faults("Live,root,CD3,valley,", "Live,root,CD4,valley,") == (
        "row 3: population 'Live' stands twice; names are unique (root is reserved)",
    )


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("A,root,CD3,valley,side=left", "side='left'; say above or below"),
        ("A,root,CD3|CD4,quadrant,quadrant=+", "quadrant='+'; say ++, +-, -+ or --"),
        ("A,root,CD3,quadrant,quadrant=++", "method 'quadrant' needs 2 channels, found 1: CD3; separate two with |"),
        ('A,root,CD3,"control(quantile=0.9)",', "control: argument 'role' is missing"),
        ('A,root,CD3,"control(fmo, quantile=1.5)",', "quantile=1.5; it must lie between 0 and 1"),
        ('A,root,CD3,"control(fom)",', "control: no control role 'fom'; did you mean 'fmo'?"),
        ("A,root,CD3,valley > geuss,", "chain: no method 'geuss'"),
        ("A,root,,not,", "method 'not' needs of=POPULATION"),
        ("A,root,,not,of=B", "of=B: no population above 'B'. Known: root"),
        ("A,root,CD3,valley,on=B", "on=B: no population above 'B'. Known: root"),
        ("A,root,CD3,valley,on=root > B", "on=B: no population above 'B'. Known: root"),
        (
            "A,root,CD3,valley,by=root",
            "by=root: name two populations, of which the second's thresholds cut all the rest",
        ),
        ("A,root,CD3,valley,by=root|B", "by=B: no population above 'B'. Known: root"),
        ("A,root,CD3,debris,by=root|root", "debris: no argument 'by'"),
        ("A,root,CD3,range,minimum=ten", "minimum='ten' is not a number"),
        ("A,root,CD3,range,transform=biex", "transform=biex"),
    ],
)
def test_each_kind_of_fault_has_its_words(row, fault):
    """The message shows the value found and what would be right."""
    (found,) = faults(row)

    assert fault in found


def test_a_missing_column_is_said_before_anything_else():
    """Every row would be a fault otherwise."""
    with pytest.raises(TemplateError, match="no column 'method'; the columns are population, parent, channels"):
        parse_template("population,parent,channels,arguments\nA,root,CD3,\n")


def test_semicolons_and_capitals_of_a_european_spreadsheet_are_read():
    """Excel writes the list separator of the country it runs in."""
    template = parse_template("Population;Parent;Channels;Method;Arguments\nLive;root;Viability;valley;side=below\n")

    assert template.populations == ("Live",)


def test_the_lineage_of_a_population_holds_what_it_rests_on():
    """A control is gated as far as its threshold needs, and no further."""
    template = parse_template(
        HEADER + "Live,root,V,valley,\nT,Live,CD3,valley,\nB,Live,CD19,valley,\nCAR,T,CAR,control(fmo),\n"
        "N,CAR,A|B,quadrant,quadrant=++; on=T\n"
    )

    assert template.above(["T"]).populations == ("Live", "T")
    assert template.above(["N"]).populations == ("Live", "T", "CAR", "N")


def test_a_quadrant_says_the_side_it_keeps_of_each_channel():
    """What divides cells into subsets is read from the template, not from the names of populations."""
    rows = "A,root,CD62L|CD45RA,quadrant,quadrant=+-; on=root\nB,root,CD3,valley,side=below\n"

    template = parse_template(HEADER + rows)

    assert [row.signs for row in template.rows] == [{"CD62L": "+", "CD45RA": "-"}, {}]


def test_controls_are_asked_for_on_the_population_of_the_fit():
    """A quadrant fitted on all T cells needs the FMO's T cells, not its CAR+ cells."""
    template = parse_template(
        HEADER + 'T,root,CD3,valley,\nCAR,T,CAR,"control(untransduced) > valley",\n'
        "N,CAR,CD62L|CD45RA,quadrant,quadrant=++; on=T\n"
    )

    assert template.row("CAR").controls == (("untransduced", "T", "CAR"),)
    assert template.row("N").controls == (("fmo", "T", "CD62L"), ("fmo", "T", "CD45RA"))


def test_a_threshold_fitted_elsewhere_asks_for_its_control_there():
    """A cut on all T cells, by a control's CAR+ cells, would compare two populations."""
    template = parse_template(HEADER + 'T,root,CD3,valley,\nCAR,T,CAR,valley,\nPD-1+,CAR,PD-1,"control(fmo)",on=T\n')

    assert template.row("PD-1+").controls == (("fmo", "T", "PD-1"),)


def test_a_missing_file_is_one_line(tmp_path):
    """Not a traceback."""
    with pytest.raises(TemplateError, match=r"gating\.csv: cannot be read: No such file"):
        read_template(tmp_path / "gating.csv")


BY = """population,parent,channels,method,arguments
CD4,root,CD4,valley,
CD8,root,CD8,valley,
naive,root,CCR7|CD45RA,quadrant,"quadrant=++; x=valley > control(fmo); y=valley; by=CD4|CD8"
"""


def test_a_row_by_lineage_looks_at_controls_within_each_lineage_and_within_all():
    """The FMO tube is gated down to the cells that the threshold is for."""
    assert needed_controls(parse_template(BY)) == (
        ("fmo", "CD4", "CCR7"),
        ("fmo", "CD8", "CCR7"),
        ("fmo", "root", "CCR7"),
    )


def test_the_joined_row_still_says_what_its_quadrant_is():
    """Whether naive is CD45RA+ is checked on the row as the analyst wrote it."""
    row = parse_template(BY).row("naive")

    assert row.signs == {"CCR7": "+", "CD45RA": "+"}
    assert row.needs == ("root", "naive (CD4)", "naive (not CD4)")
