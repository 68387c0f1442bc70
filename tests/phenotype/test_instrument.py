"""What the report says of the instrument is what the files say, and nothing about people."""

from gating import Channel, FCSMetadata
from phenotype.instrument import CHANNEL_COLUMNS, channel_rows


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
        "excitation_nm": "405", "power_mw": "",
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
    rows = channel_rows({"s1": metadata(**{"$OP": "Eva", "$SRC": "Jane Doe", "$INST": "St. X", "$SMNO": "4711"})})

    assert not {"Eva", "Jane Doe", "St. X", "4711"} & {value for row in rows for value in row.values()}
