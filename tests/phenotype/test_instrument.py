"""What the report says of the instrument is what the files say, and nothing about people."""

from datetime import date

import pytest

from gating import Channel, FCSMetadata
from phenotype.instrument import CHANNEL_COLUMNS, acquisition, channel_rows, models_in, transforms_of

TODAY = date(2026, 11, 23)


def metadata(voltage="450", **more):
    """Return a file of two channels."""
    keywords = {"$CYT": "FACSCanto II", "$P1N": "FSC-A", "$P2N": "BV421-A", "$P2S": "CD3", "$P2V": voltage,
                "$P2R": "262144", "$P2E": "0,0", "$P2F": "450/50", "$P2L": "405", **more}  # fmt: skip
    return FCSMetadata("a.fcs", "FCS3.1", keywords, (Channel("FSC-A"), Channel("BV421-A", "CD3")), 10)


def test_a_channel_is_what_its_keywords_say():
    """Detector, marker, voltage, filter, laser: empty where the file is silent."""
    rows = channel_rows({"s1": metadata()})

    assert [row["channel"] for row in rows] == ["FSC-A", "BV421-A"]
    assert rows[1] == {
        "layout": 1, "samples": 1, "cytometer": "FACSCanto II", "channel": "BV421-A", "marker": "CD3",
        "range": "262144", "amplification": "0,0", "gain": "", "voltage": "450", "filter": "450/50",
        "excitation_nm": "405", "power_mw": "", "transform": "",
    }  # fmt: skip
    assert rows[0]["voltage"] == ""
    assert tuple(rows[0]) == CHANNEL_COLUMNS


def test_another_voltage_is_another_layout_and_the_commonest_comes_first():
    """A study whose settings changed half-way shows it in one glance."""
    rows = channel_rows({"s1": metadata("500"), "s2": metadata(), "s3": metadata()})

    assert [(row["layout"], row["samples"], row["voltage"]) for row in rows if row["marker"]] == [
        (1, 2, "450"),
        (2, 1, "500"),
    ]


def test_people_and_places_are_not_read():
    """Operators write names into keywords that nobody reads but programs."""
    said = {"$OP": "Eva", "$SRC": "Jane Doe", "$INST": "St. X", "$SMNO": "4711", "$CYTSN": "H6471"}
    rows = channel_rows({"s1": metadata(**said)})

    assert not set(said.values()) & {value for row in rows for value in row.values()}


@pytest.mark.parametrize("keyword", ["$P2V", "$P2G", "$P2E", "$P2R", "$P2F", "$P2L", "$P2O", "$CYT"])
@pytest.mark.parametrize("value", ["Jane Doe, born 1950", "=HYPERLINK(A1)", "\u202e054", "450\n451", "1" * 25])
def test_a_value_that_is_none_is_left_out(keyword, value):
    """A free text in the place of a voltage was written by a person, about whoever."""
    assert value not in {cell for row in channel_rows({"s1": metadata(**{keyword: value})}) for cell in row.values()}


@pytest.mark.parametrize("value", ["530/30", "BP 530/30", "LP502", "670 LP"])
def test_a_filter_is_written_as_makers_write_it(value):
    """What is left out for its form must not be what is asked for."""
    assert channel_rows({"s1": metadata(**{"$P2F": value})})[1]["filter"] == value


@pytest.mark.parametrize(
    ("written", "model"),
    [
        ("LSRII", "LSRII"), ("Aurora", "Aurora"), ("FACSCalibur", "FACSCalibur"), ("S1400EXi", "S1400EXi"),
        ("LSRFortessa (H64717700083)", "LSRFortessa"), ("BD FACSLyric of Dr. Smith", "FACSLyric"),
        ("FACSymphony A5", "FACSymphony A5"), ("Dr. Smith", ""), ("", ""),
    ],
)  # fmt: skip
def test_a_cytometer_is_its_model(written, model):
    """Serial numbers name a laboratory, and $CYT is a free text that a person may complete."""
    assert models_in(written) == model


def test_the_scale_of_a_channel_is_that_of_its_gates():
    """One scale where samples share it; its name where each has its own parameters; none where no gate looks."""
    gates = [
        {"sample_id": "s1", "channels": "BV421-A|FSC-A", "transform": "logicle(W=0.5)|linear(T=1, A=0)"},
        {"sample_id": "s2", "channels": "BV421-A", "transform": "logicle(W=0.7)"},
        {"sample_id": "s2", "channels": "CD62L|CD45RA", "transform": ""},
        {"sample_id": "s2", "channels": "a name with |", "transform": "logicle(W=0.7)"},
    ]
    both = channel_rows({"s1": metadata(), "s2": metadata()}, transforms_of(gates))
    one = channel_rows({"s2": metadata()}, transforms_of(gates))

    assert [row["transform"] for row in both] == ["linear(T=1, A=0)", "logicle"]
    assert [row["transform"] for row in one] == ["", "logicle(W=0.7)"]


def test_the_span_of_acquisition_is_the_first_and_the_last_day():
    """As a paper says it; a day that cannot be told, or is still to come, is not one of them."""
    days = ("02-FEB-2021", "17-MAY-2018", "2020-01-31", "03/04/2017", "01-JAN-2027", "")
    found = acquisition([metadata(**{"$DATE": day}) for day in days], TODAY)

    assert found == {
        "first_date": "2018-05-17", "last_date": "2021-02-02", "files_without_date": 3,
        "cytometers": ["FACSCanto II"], "software": [],
    }  # fmt: skip


def test_days_of_copies_without_names_are_not_days_of_acquisition():
    """They were moved: said as they stand, they would be wrong, and with one true day they would give away all."""
    found = acquisition([metadata(**{"$DATE": "17-MAY-2011", "DEIDENTIFIED": "shifted"}), metadata()], TODAY)

    assert not {"first_date", "last_date"} & set(found)
    assert found["files_without_date"] == 2


@pytest.mark.parametrize(
    ("written", "programs"),
    [
        ("BD FACSDiva Software Version 8.0.1", ["BD FACSDiva Software Version 8.0.1"]),
        ("SpectroFlo 3.0.3", ["SpectroFlo 3.0.3"]),
        ("CELLQuestª 3.3", ["CELLQuestª 3.3"]),
        ("CytExpert 2.4.0.28", ["CytExpert 2.4.0.28"]),
        ("Dr. Smith, SpectroFlo for Anna 12", []),
        ("<b>\u202e", []),
    ],
)
def test_programs_are_named_with_their_version_and_nothing_else(written, programs):
    """CREATOR is a free text, too."""
    assert acquisition([metadata(CREATOR=written)], TODAY)["software"] == programs


def test_no_files_have_no_span():
    """Every file may have failed."""
    assert acquisition([], TODAY) == {"files_without_date": 0, "cytometers": [], "software": []}
