"""Repairs: named, with evidence, recorded, and refused where they are not allowed."""

import pickle

import numpy as np
import pytest

from gating.errors import FCSError
from gating.fcs import ON_REQUEST, REPAIRS, RULES, Repair, read_fcs, read_fcs_metadata

from .conftest import EVENTS, fcs_bytes

SHORT = EVENTS.tobytes()[:-3]


def rules(warnings):
    """Return the rules of the repairs among warnings."""
    return [warning.rule for warning in warnings if isinstance(warning, Repair)]


def not_finite():
    """Return 200 events, one of them no number."""
    events = np.ones((200, 2), dtype="<f4")
    events[7, 1] = np.nan
    return events.tobytes()


INTEGERS = {"$DATATYPE": "I", "$P1R": "1024", "$P2R": "1024"}
FILES = {
    "version": {"version": b"FCS 3.1   "},
    "nines": {"text": lambda text: text, "nines": True},
    "header-offsets": {"in_text": None},
    "differing-offsets": {"in_text": (1, 9)},
    "shared-byte": {"shared": True},
    "data-end": {"in_header": (0, 1), "in_text": (0, 1), "tail": b"0000000000"},
    "empty-extent": {"in_header": (0, -23), "in_text": (0, -23)},
    "count": {"keywords": {"$TOT": None}},
    "byte-order-mark": {"bom": True},
    "latin-1": {"keywords": {"$P2S": "µ"}, "text": lambda text: text.replace("µ".encode(), b" \xb5")},
    "empty-values": {"keywords": {"OPERATOR": ""}},
    "repeated-keyword": {"text": lambda text: text + b"NOTE/one/NOTE/two/"},
    "mode": {"keywords": {"$MODE": None}},
    "log-offset": {"keywords": {**INTEGERS, "$P1E": "4,0"}},
    "log-on-float": {"keywords": {"$P1E": "4,1"}},
    "no-amplification": {"keywords": {**INTEGERS, "$P1E": None}},
    "gain": {"keywords": {"$P1G": "0"}},
    "range": {"keywords": {"$P1R": "abc"}},
    "not-finite": {"keywords": {"$TOT": "200"}, "data": not_finite()},
    "repeated-name": {"keywords": {"$P1N": "PE-A", "$P1S": "CD4"}},
    "checksum": {"tail": b"0000BEEF"},
}
"""For each rule that one dataset can need, what makes a file need it."""


@pytest.fixture
def damaged(tmp_path):
    """Return a function that writes the file of a rule."""

    def write(rule: str):
        options = dict(FILES[rule])
        flags = {flag: options.pop(flag, False) for flag in ("nines", "shared", "bom")}
        raw = bytearray(fcs_bytes(options.pop("keywords", {}), options.pop("data", EVENTS.tobytes()), **options))
        if flags["nines"]:
            raw[26:42] = b"9999999999999999"
        if flags["shared"]:
            raw[18:26] = b"%8d" % (int(raw[18:26]) + 1)
        if flags["bom"]:
            raw = bytearray(fcs_bytes(text=lambda text: b"\xef\xbb\xbf" + text))
        path = tmp_path / "pt01.fcs"
        path.write_bytes(raw)
        return path

    return write


@pytest.mark.parametrize("rule", FILES)
def test_each_repair_is_recorded_under_its_rule_and_refused_without_it(damaged, rule):
    """The report shows what was put right; a strict reading has none of it."""
    path = damaged(rule)

    assert rules(read_fcs(path).warnings) == [rule]
    for allowed in (REPAIRS - {rule}, ()):
        with pytest.raises(FCSError, match=rf"pt01\.fcs: .*\. The repair '{rule}' is not allowed here"):
            read_fcs(path, repairs=allowed)
    assert len(read_fcs(path, repairs={rule})) > 0


def test_every_rule_has_its_file_here_or_needs_more_than_one_dataset():
    """The list is closed: a rule that no test applies does not exist."""
    elsewhere = {"next-dataset", "names", "supplement"}

    assert {*FILES, *elsewhere, *ON_REQUEST} == {*RULES}
    assert {*RULES} - {*ON_REQUEST} == REPAIRS


def test_metadata_refuses_the_same_repairs(damaged):
    """What a plan accepts, the run must accept."""
    assert rules(read_fcs_metadata(damaged("mode")).warnings) == ["mode"]
    with pytest.raises(FCSError, match="The repair 'mode' is not allowed here"):
        read_fcs_metadata(damaged("mode"), repairs=())


def test_a_file_cut_short_is_salvaged_on_request_only(make):
    """Whole events are there; that they are all of the sample is not."""
    path = make(data=EVENTS.tobytes())
    path.write_bytes(path.read_bytes()[:-3])

    with pytest.raises(FCSError, match="it is cut short: 2 of 3 events are there"):
        read_fcs(path)
    sample = read_fcs(path, repairs=REPAIRS | {"salvage"})

    assert sample.events.tolist() == EVENTS[:2].tolist()
    assert rules(sample.warnings) == ["salvage"]
    assert "2 of 3 events are there and were read" in sample.warnings[0]


def test_a_file_cut_before_its_first_event_has_nothing_to_salvage(make):
    """An empty sample would look like a finding."""
    path = make()
    path.write_bytes(path.read_bytes()[: -EVENTS.nbytes + 5])

    with pytest.raises(FCSError, match="it is cut short: 0 of 3 events"):
        read_fcs(path, repairs=REPAIRS | {"salvage"})


@pytest.mark.parametrize("total", ["1", "2", "5000"])
def test_a_wrong_total_is_recounted_on_request_only(make, total):
    """Early FlowJo exports; DATA says how many there are."""
    path = make({"$TOT": total})

    with pytest.raises(FCSError, match=rf"\$TOT says {total} events"):
        read_fcs(path)
    sample = read_fcs(path, repairs=REPAIRS | {"recount"})

    assert sample.events.tolist() == EVENTS.tolist()
    assert rules(sample.warnings) == ["recount"]


def test_half_events_are_never_recounted(make):
    """An event too many or too few shifts nothing; half an event does."""
    path = make({"$TOT": "7"}, EVENTS.tobytes() + b"half")

    with pytest.raises(FCSError, match=r"\$TOT says 7 events of 8 bytes, .* holds 3\.5"):
        read_fcs(path, repairs=REPAIRS | {"recount"})


def test_an_unknown_rule_is_a_mistake_of_the_caller(make):
    """A misspelt rule would otherwise be one that is never applied."""
    with pytest.raises(ValueError, match="repairs: no repair 'salvge'; did you mean 'salvage'"):
        read_fcs(make(), repairs={"salvge"})


def test_a_repair_survives_the_way_to_another_process():
    """Workers send their findings back."""
    repair = pickle.loads(pickle.dumps(Repair("count", "as it is")))  # noqa: S301

    assert (repair, repair.rule) == ("as it is", "count")
